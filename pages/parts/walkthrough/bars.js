// The candidates of a step as bars: what the softmax says, at any temperature. A losing one can be followed.

// The share of a candidate at a temperature: the logarithm of the sum over the whole vocabulary came with the step.
function shareOf(candidate, step, temperature) {
  return Math.exp(candidate.logit / temperature - step.logSums[Math.round(temperature * 10) - 1]);
}

function makeBars(svg, size, tip, act, data) {
  const texts = data.texts;
  const group = shape(svg, "g", { class: "bars", transform: `translate(${size.barsAt} 0)` });
  shape(group, "text", { class: "title", x: 0, y: 14 }, texts.next);
  const softmax = shape(group, "g", { class: "softmax" });
  const wide = Math.max(56, texts.softmax.length * 8);
  shape(softmax, "rect", { x: size.candidates - wide, y: 1, width: wide, height: 19, rx: 9 });
  shape(softmax, "text", { x: size.candidates - wide / 2, y: 14.5, "text-anchor": "middle" }, texts.softmax);
  softmax.dataset.focus = "softmax";
  pressable(softmax, texts.openSoftmax, () => act.open("softmax"));
  tip.on(softmax, () => texts.aboutSoftmax);
  const rest = shape(group, "text", { class: "small", x: 0, y: TALL - 6 });
  if (!data.offline) shape(group, "text", { class: "small hint", x: 0, y: TALL - 23 }, texts.followHint);
  const list = shape(group, "g", { role: "group", "aria-label": texts.next });
  const name = Math.min(118, size.candidates * 0.4);
  const rail = size.candidates - name - 60;
  let shown = [];
  let waiting = null;
  let chosenY = 0;
  let current;

  const rows = Array.from({ length: 20 }, (_, index) => {
    const row = shape(list, "g", { class: "bar", role: "button", tabindex: index ? -1 : 0 });
    const hit = shape(row, "rect", { class: "hit", x: -6, rx: 5, width: size.candidates + 8 });
    const word = shape(row, "text", { class: "name" });
    const bar = shape(row, "rect", { class: "rail", x: name, rx: 3 });
    const share = shape(row, "text", { class: "share", x: size.candidates, "text-anchor": "end" });
    const tag = shape(row, "text", { class: "tag" });
    row.dataset.focus = `bar-${index}`;
    row.addEventListener("click", () => follow(index));
    row.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") follow(index);
      else if (event.key === "ArrowDown" || event.key === "ArrowUp") focusRow(index + (event.key === "ArrowDown" ? 1 : -1));
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    tip.on(row, () => about(index), true);
    return { row, hit, word, bar, share, tag };
  });

  function focusRow(index) {
    if (!shown[index]) return;
    rows.forEach((parts, i) => set(parts.row, { tabindex: i === index ? 0 : -1 }));
    rows[index].row.focus();
  }

  function follow(index) {
    if (shown[index] && !shown[index].chosen) act.follow(shown[index].candidate);
  }

  function about(index) {
    const { candidate, share, rank, chosen } = shown[index] ?? {};
    if (!candidate) return "";
    const what = fill(texts.aboutBar, { word: candidate.token, share: percent(share), rank: grouped(rank) });
    return what + texts.between + (chosen ? (current.departs ? texts.barGiven : texts.barChosen) : act.canFollow(candidate) ? texts.barFollow : texts.barOffline);
  }

  function draw(place, step) {
    current = step;
    const chosenIn = step.candidates.findIndex((candidate) => candidate.id === step.chosen.id);
    const count = Math.min(place.k, step.candidates.length);
    shown = step.candidates.slice(0, count).map((candidate, index) => ({ candidate, rank: index + 1 }));
    // The chosen word is always in sight, however far down it was.
    if (chosenIn < 0 || chosenIn >= count) shown[count - 1] = { candidate: step.chosen, rank: step.chosen.rank };
    const pitch = Math.min(30, (TALL - 66) / count);
    const font = clamp(pitch - 4, 12, 15);
    let seen = 0;
    for (const entry of shown) {
      entry.share = shareOf(entry.candidate, step, place.temperature);
      entry.chosen = entry.candidate.id === step.chosen.id;
      seen += entry.share;
    }
    rows.forEach((parts, index) => {
      const entry = shown[index];
      parts.row.style.display = entry ? "" : "none";
      set(parts.row, { "aria-hidden": !entry, ...(entry ? {} : { tabindex: -1, "aria-label": "" }) });
      if (!entry) return;
      const { candidate, share, rank, chosen } = entry;
      const y = 28 + index * pitch;
      const bar = clamp(pitch - 7, 8, 16);
      const tag = rank > count ? `#${grouped(rank)}` : step.departs && rank === 1 && !chosen ? texts.argmax : chosen && rank === 1 ? texts.argmax : chosen ? texts.given : "";
      // Inside a bar that has room for it, else behind the bar's end.
      const long = rail * share;
      const inside = long > widthOf(tag, 11) + 14;
      set(parts.hit, { y: y, height: pitch });
      write(parts.word, fit(candidate.token, name - 8, font));
      set(parts.word, { x: 0, y: y + pitch / 2 + font * 0.35, "font-size": font });
      set(parts.bar, { y: y + (pitch - bar) / 2, height: bar, width: Math.max(1, long) });
      write(parts.share, percent(share));
      set(parts.share, { y: y + pitch / 2 + font * 0.35, "font-size": Math.min(font, 14) });
      write(parts.tag, tag);
      set(parts.tag, { x: name + (inside ? long - 6 : long + 6), y: y + pitch / 2 + 4, "font-size": 11, "text-anchor": inside ? "end" : "start" });
      if (chosen) chosenY = y + pitch / 2;
      parts.row.classList.toggle("chosen", chosen);
      parts.row.classList.toggle("inside", inside);
      parts.row.classList.toggle("unknown", candidate.token === "<unk>");
      parts.row.classList.toggle("follows", !chosen && act.canFollow(candidate));
      parts.row.classList.toggle("busy", waiting === candidate.id);
      set(parts.row, {
        "aria-label": about(index),
        "aria-disabled": chosen || !act.canFollow(candidate),
        "aria-busy": waiting === candidate.id,
      });
    });
    const values = {
      count: grouped(Math.max(0, data.vocabulary - shown.length)),
      share: percent(Math.max(0, 1 - seen)),
      entropy: step.entropy.toFixed(1),
    };
    const said = shrink(waiting !== null ? texts.waiting : fill(place.temperature === 1 ? texts.rest : texts.restOnly, values), size.candidates + (size.attends ? 26 : 0), 12.5, 9.5);
    write(rest, said.text);
    set(rest, { style: `font-size: ${said.font.toFixed(1)}px` });
    rest.classList.toggle("busy", waiting !== null);
    // One bar is reached by Tab, the others by the arrows; it has to be one that is drawn.
    if (!rows.slice(0, shown.length).some((parts) => parts.row.getAttribute("tabindex") === "0")) set(rows[0].row, { tabindex: 0 });
  }

  return { draw, busy: (id) => (waiting = id), chosenAt: () => chosenY };
}
