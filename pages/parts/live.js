// What the pictures of a run share: they are drawn again while it trains, and move through its time together.

const MOMENT = "seq2seq-moment"; // where the time machine stands: {run, epoch, by}
const instances = new WeakMap(); // what belongs to the viewer stays while new data comes
const views = (window.seq2seqViews ??= new Map()); // and outlives the element, which is made anew where a run ends

// What belongs to the viewer of a run in this element; `fresh` is what it begins with, `kept` what is taken over.
function viewOf(host, kind, run, fresh, kept) {
  const old = instances.get(host);
  if (old?.run === run) return old;
  if (old) clearInterval(old.timer);
  const view = { ...fresh, run };
  const last = views.get(`${kind} ${run}`);
  if (last) for (const key of kept) view[key] = last[key];
  views.set(`${kind} ${run}`, view);
  instances.set(host, view);
  return view;
}

// New data may come while a button is held down: redrawn then, the click would be lost. It waits for the release.
function whenReleased(host, state, draw) {
  host.onpointerdown = () => {
    state.pressed = true;
    const released = () => {
      state.pressed = false;
      const waiting = state.waiting;
      state.waiting = null;
      if (waiting) state.cleanUp = waiting();
    };
    for (const event of ["pointerup", "pointercancel"]) window.addEventListener(event, () => setTimeout(released), { once: true });
  };
  if (state.pressed) state.waiting = draw;
  else state.cleanUp = draw();
  return () => {
    state.waiting = null;
    if (state.cleanUp) state.cleanUp();
    state.cleanUp = null;
  };
}

// Play, back and forward as buttons; `draw` says whether it plays and stands at either end.
function makeMoves(texts, { play, back, forward }) {
  const press = (classes, sign, title, act) => {
    const button = element("button", classes, sign);
    button.title = title ?? "";
    if (title) button.setAttribute("aria-label", title);
    button.addEventListener("click", act);
    return button;
  };
  const buttons = [press("move main", "▶", texts.play, play), press("move", "◀", texts.back, back), press("move", "▶", texts.forward, forward)];
  const draw = (playing, atStart, atEnd) => {
    buttons[0].textContent = playing ? "❚❚" : "▶";
    buttons[0].title = playing ? texts.halt : texts.play;
    buttons[0].setAttribute("aria-label", buttons[0].title);
    buttons[0].classList.toggle("playing", playing);
    buttons[1].disabled = atStart;
    buttons[2].disabled = atEnd;
  };
  return { buttons, draw };
}
