// The arithmetic of one operation: its formula with this model's shapes, its numbers at this step, the lesson's line.

function drawSumsCard(card, data, what, place, sums, close) {
  const { texts } = data;
  const title = element("h3", "", fill(texts.sums, { step: place.step }));
  const shut = element("button", "prune", "×");
  shut.setAttribute("aria-label", texts.close);
  shut.dataset.focus = "close-sums";
  shut.addEventListener("click", close);
  title.append(shut);
  if (!sums) return card.replaceChildren(title, element("p", "mute", data.offline ? texts.sumsOffline : texts.waiting));
  card.replaceChildren(title);
}
function saveFile() {}
