// Attention as a map: a row for each word written, a column for each word read. Painted once; a step uncovers its row.

function makeHeat(svg, size, tip, act, data, steps, ink) {
  const texts = data.texts;
  const group = shape(svg, "g", { class: "heat", transform: `translate(${size.mapAt} 0)`, role: "group", "aria-label": texts.heatLabel });
  shape(group, "text", { class: "title", x: 0, y: 14 }, texts.heat);
  const labels = 66;
  const columns = data.source.length;
  const column = Math.min(34, (size.map - labels - 4) / columns);
  const upright = column >= 30;
  const top = upright ? 48 : column >= 10 ? 92 : 44;
  const row = Math.min(24, (TALL - top - 12) / steps.length);
  const wide = column * columns;
  const high = row * steps.length;
  shape(group, "rect", { class: "ground", x: labels, y: top, width: wide, height: high, rx: 3 });

  const scale = 2;
  const canvas = document.createElement("canvas");
  canvas.width = Math.min(4000, Math.ceil(wide * scale));
  canvas.height = Math.min(4000, Math.ceil(high * scale));
  const paint = canvas.getContext("2d");
  paint.fillStyle = ink.attention;
  const gap = Math.min(column, row) > 9 ? 2 : Math.min(column, row) > 4 ? 1 : 0;
  steps.forEach((step, i) =>
    step.attention.forEach((weight, j) => {
      paint.globalAlpha = Math.min(1, 0.05 + 0.95 * weight);
      paint.fillRect(j * column * scale, i * row * scale, Math.max(1, (column - gap) * scale), Math.max(1, (row - gap) * scale));
    })
  );
  const clip = shape(shape(group, "clipPath", { id: "written" }), "rect", { x: labels, y: top, width: wide + 1 });
  shape(group, "image", { x: labels, y: top, width: wide, height: high, href: canvas.toDataURL(), "clip-path": "url(#written)", preserveAspectRatio: "none" });
  const heads = data.source.map((token, j) => {
    const x = labels + (j + 0.5) * column;
    const { text, font } = upright ? shrink(token.text, column - 2, 13, 9) : { text: fit(token.text, top - 24, 13), font: Math.min(13, column - 2) };
    const node = shape(
      group,
      "text",
      upright
        ? { class: "head", x: x - 1, y: top - 7, "text-anchor": "middle", "font-size": font }
        : { class: "head", transform: `translate(${x + font * 0.32} ${top - 5}) rotate(-90)`, "font-size": font },
      column < 10 ? "" : text
    );
    tip.on(node, () => token.text);
    return node;
  });
  const names = steps.map((step, i) =>
    shape(group, "text", { class: "side", x: labels - 7, y: top + (i + 0.5) * row + 4, "text-anchor": "end", "font-size": clamp(row - 2, 8, 13) })
  );
  names.forEach((node, i) => tip.on(node, () => steps[i].chosen.token));
  // Round thin cells an outline stands off, or it would hide what it points at.
  const thin = Math.min(column, row) < 10;
  const off = thin ? 2.5 : 1;
  const outline = (x, y, w, h) => ({ x: x - off, y: y - off, width: w + (thin ? 2 * off - gap : 0), height: h + (thin ? 2 * off - gap : 0) });
  const frame = shape(group, "rect", { class: "frame", rx: 3 });
  const spot = shape(group, "rect", { class: "spot", visibility: "hidden" });
  const hit = shape(group, "rect", { class: "hit", x: labels, y: top, width: wide, height: high });
  let now = 0;

  const under = (event) => {
    const box = hit.getBoundingClientRect();
    const i = Math.floor(((event.clientY - box.top) / box.height) * steps.length);
    const j = Math.floor(((event.clientX - box.left) / box.width) * columns);
    return i >= 0 && i <= now && j >= 0 && j < columns ? [i, j] : null;
  };
  const cell = ([i, j]) => fill(texts.heatCell, { word: steps[i].chosen.token, source: data.source[j].text, share: percent(steps[i].attention[j]) });
  const point = (at) => {
    set(spot, { visibility: at ? "visible" : "hidden" });
    if (!at) return tip.hide();
    set(spot, outline(labels + at[1] * column, top + at[0] * row, column, row));
    tip.show(spot, () => cell(at));
  };
  hit.addEventListener("pointermove", (event) => {
    const at = under(event);
    point(at);
    if (tip.rests(event)) tip.hide();
  });
  hit.addEventListener("pointerleave", () => point(null));
  hit.addEventListener("click", (event) => {
    const at = under(event);
    if (!at) return;
    tip.hide();
    act.go(at[0] + 1);
  });

  // By keyboard it is one stop of Tab: arrows go from cell to cell, Enter to the step. A slider's value is read out anew.
  let held = null;
  const hold = (at) => {
    held = [clamp(at[0], 0, now), clamp(at[1], 0, columns - 1)];
    svg.dataset.column = held[1]; // the map is drawn anew where the server answers
    set(hit, { "aria-valuenow": held[0] * columns + held[1] + 1, "aria-valuetext": cell(held) });
  };
  set(hit, { role: "slider", "aria-label": texts.heatKeys, "aria-valuemin": 1, "aria-valuemax": steps.length * columns });
  hit.dataset.focus = "heat";
  hit.addEventListener("keydown", (event) => {
    const [i, j] = held;
    const next = { ArrowLeft: [i, j - 1], ArrowRight: [i, j + 1], ArrowUp: [i - 1, j], ArrowDown: [i + 1, j], Home: [i, 0], End: [i, columns - 1] }[event.key];
    if (next) {
      hold(next);
      point(held);
    } else if (event.key === "Enter") act.go(i + 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  hit.addEventListener("focus", () => hit.matches(":focus-visible") && point(held));
  hit.addEventListener("blur", () => point(null));

  function draw(place) {
    now = place.step - 1;
    hold([now, Number(svg.dataset.column ?? 0)]);
    set(group, { visibility: data.showAttention ? "visible" : "hidden" });
    set(hit, { tabindex: data.showAttention ? 0 : -1 });
    set(clip, { height: place.step * row });
    set(frame, outline(labels, top + now * row, wide + (thin ? gap : 1), row));
    names.forEach((node, i) => {
      const shown = i === now || (row >= 11 && i < place.step && !(row < 13 && Math.abs(i - now) < 1));
      write(node, shown ? fit(steps[i].chosen.token, labels - 10, 13) : "");
      node.classList.toggle("now", i === now);
      if (i === now) set(node, { "font-size": 13 });
      else set(node, { "font-size": clamp(row - 2, 8, 13) });
    });
    const strongest = steps[now].attention.indexOf(Math.max(...steps[now].attention));
    heads.forEach((node, j) => {
      node.classList.toggle("now", j === strongest);
      if (column < 10) write(node, j === strongest ? fit(data.source[j].text, 60, 13) : "");
    });
    if (column < 10) {
      const at = labels + (strongest + 0.5) * column;
      set(heads[strongest], { "font-size": 13, transform: `translate(${at} ${top - 6})`, "text-anchor": at > size.map - 40 ? "end" : "middle" });
    }
  }
  return { draw };
}
