// The source's words, to be merged and split by hand: the cut is a choice of the tokenizer's.

function drawCut(card, data, act) {
  const { texts } = data;
  const title = heading(texts.cut, data.offline ? "" : texts.cutNote);
  const row = element("div", "cut-row");
  const tokens = data.source.slice(0, -1);
  const words = tokens.map((token) => token.text);
  const change = (next, focus) => act.cut(next, focus);
  tokens.forEach((token, index) => {
    const place = span("cut-place"); // a line breaks before the + of a word, never between the two
    if (index && !data.offline) {
      const merge = element("button", "merge", "+");
      merge.dataset.focus = `merge-${index}`;
      const label = fill(texts.merge, { left: words[index - 1], right: words[index] });
      merge.title = label;
      merge.setAttribute("aria-label", label);
      merge.addEventListener("click", () => change([...words.slice(0, index - 1), words[index - 1] + words[index], ...words.slice(index + 1)]));
      place.append(merge);
    }
    const box = span(token.known ? "token" : "token unknown");
    box.title = aboutSource(token, texts);
    const letters = [...token.text];
    letters.forEach((letter, at) => {
      if (at && !data.offline) {
        const split = element("button", "split");
        split.dataset.focus = `split-${index}-${at}`;
        const [left, right] = [letters.slice(0, at).join(""), letters.slice(at).join("")];
        const label = fill(texts.split, { left, right });
        split.title = label;
        split.setAttribute("aria-label", label);
        split.addEventListener("click", () => change([...words.slice(0, index), left, right, ...words.slice(index + 1)]));
        box.append(split);
      }
      box.append(letter);
    });
    place.append(box);
    row.append(place);
  });
  card.replaceChildren(title, row);
  const written = data.ways[0].steps.map((step) => step.chosen[0]);
  if ([...words, ...written].some((word) => word.startsWith("▁"))) card.append(element("p", "mute", texts.piecesNote));
  if (data.cut.changed) {
    const back = element("button", "quiet", texts.cutBack);
    back.dataset.focus = "cut-back";
    back.hidden = Boolean(data.offline);
    back.addEventListener("click", () => change(null));
    const was = element("p", "mute", fill(texts.cutWas, { words: data.cut.original.join(" | "), sentence: data.cut.sentence }));
    card.append(was, back);
  }
  const unknown = tokens.filter((token) => !token.known);
  if (unknown.length) {
    const list = element("ul", "unknowns");
    const times = new Map();
    for (const { text } of unknown) times.set(text, (times.get(text) ?? 0) + 1);
    for (const [text, count] of times) {
      const item = element("li");
      item.append(span("token unknown", text), count > 1 ? ` ×${count} ` : " ", aboutSource(unknown.find((token) => token.text === text), texts));
      list.append(item);
    }
    card.append(list);
    if (!data.offline && unknown.some((token) => !token.seen)) {
      const count = element("button", "quiet", texts.countThem);
      count.dataset.focus = "count";
      count.addEventListener("click", () => {
        count.disabled = true;
        count.textContent = texts.counting;
        act.count();
      });
      card.append(count);
    }
  }
}
