// Brings the container of a key into sight, once.
export default function (component) {
  const { key } = component.data;
  const target = document.querySelector(`.st-key-${key}`);
  if (!target) return;
  target.style.scrollMarginTop = "2.5rem"; // Streamlit's own bar lies over the top
  target.scrollIntoView({ behavior: still() ? "auto" : "smooth", block: "start" });
}
