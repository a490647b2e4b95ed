// Attention as a map: a row for each word written, a column for each word read. Painted once; a step uncovers its row.

function makeHeat(svg, size, tip, act, data, steps, ink) {
  const texts = data.texts;
  const group = shape(svg, "g", { class: "heat", transform: `translate(${size.mapAt} 0)`, role: "img", "aria-label": texts.heatLabel });
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
  hit.addEventListener("pointermove", (event) => {
    const at = under(event);
    set(spot, { visibility: at ? "visible" : "hidden" });
    if (!at || tip.rests(event)) return tip.hide();
    const [i, j] = at;
    set(spot, outline(labels + j * column, top + i * row, column, row));
    tip.show(spot, () => fill(texts.heatCell, { word: steps[i].chosen.token, source: data.source[j].text, share: percent(steps[i].attention[j]) }));
  });
  hit.addEventListener("pointerleave", () => {
    set(spot, { visibility: "hidden" });
    tip.hide();
  });
  hit.addEventListener("click", (event) => {
    const at = under(event);
    if (!at) return;
    tip.hide();
    act.go(at[0] + 1);
  });

  function draw(place) {
    now = place.step - 1;
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
