// Streamlit calls this whenever the data changes; a page saved to disk calls it once (see save.py).

const views = new WeakMap(); // an instance keeps its place while the page is redrawn around it

export default function (component) {
  const root = component.parentElement.querySelector(".walk");
  let view = views.get(root);
  const make = { walk: makeWalk, beam: makeBeam, lanes: makeLanes }[component.data.part];
  if (!view) views.set(root, (view = make(root)));
  view.update(component);
  return () => view.rest();
}
