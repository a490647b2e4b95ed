// The sentence going through the model, from left to right, as one SVG. `build` makes the nodes for a trace and a
// width; `draw` moves them to a step: it changes attributes and makes nothing new.

const TOP_MASS = 0.9; // attention is drawn to the words that together have this share
const TALL = 404;
const ROW = { encoder: 26, pill: 188, first: 217, decoder: 234, chip: 306, back: 346, out: 364 };
const CELL = 52;

// Places for cells in a row. Where they are too many, those in `open` stay wide and the others become slivers.
function spread(count, room, open) {
  const pitch = room / count;
  if (pitch >= 34) {
    const width = Math.min(pitch, 98);
    const gap = width > 56 ? 16 : 8;
    return Array.from({ length: count }, (_, i) => ({ x: i * width, width: width - gap }));
  }
  const wide = Math.min(58, room / (open.size + 1));
  const sliver = Math.max(0.4, (room - wide * open.size) / Math.max(1, count - open.size));
  let x = 0;
  return Array.from({ length: count }, (_, i) => {
    const width = open.has(i) ? wide : sliver;
    const place = { x, width: width - Math.min(4, width * 0.25) };
    x += width;
    return place;
  });
}

// The indices of the largest weights that together reach the top mass, the largest first.
function topMass(weights) {
  const order = weights.map((_, i) => i).sort((a, b) => weights[b] - weights[a]);
  const kept = [];
  let sum = 0;
  for (const i of order) {
    kept.push(i);
    sum += weights[i];
    if (sum >= TOP_MASS || kept.length === 8) break;
  }
  return kept;
}

function makePicture(root, svg, tip, act) {
  let data, texts, steps, size, ink, nodes, bars, heat, strength;

  function measure(width) {
    const wide = Math.max(width, 940);
    const attends = Boolean(steps[0].attention);
    const candidates = clamp(wide * 0.235, 225, 310);
    const map = attends ? clamp(wide * 0.24, 215, 330) : 0;
    const flow = wide - candidates - map - (attends ? 64 : 34);
    return { wide, attends, flow, candidates, map, left: 30, room: flow - 66, barsAt: flow + 34, mapAt: wide - map };
  }

  // A cell: a box with a word and its state. Returns its parts.
  function cell(layer, kind) {
    const group = shape(layer, "g", { class: `cell ${kind}` });
    const box = shape(group, "rect", { class: "box", rx: 9, height: CELL });
    const word = shape(group, "text", { class: "word", "text-anchor": "middle" });
    const state = shape(group, "image", { class: "state", y: 31, height: 14, preserveAspectRatio: "none" });
    return { group, box, word, state };
  }

  function placeCell(parts, place, top, text, fontSize) {
    const key = `${place.x} ${place.width} ${text} ${data.showStates}`;
    if (parts.key === key) return;
    parts.key = key;
    set(parts.group, { transform: `translate(${place.x.toFixed(1)} ${top})` });
    set(parts.box, { width: place.width, rx: clamp(place.width / 4, 1, 9) });
    const upright = place.width >= 24;
    const room = upright ? place.width - 4 : CELL - 6;
    const { text: shownWord, font } = shrink(text, room, upright ? fontSize : clamp(place.width - 1, 0, 12));
    write(parts.word, font < 8 ? "" : shownWord);
    parts.group.classList.toggle("sliver", place.width < 6);
    const middle = place.width / 2;
    set(parts.word, {
      "font-size": font,
      transform: upright ? `translate(${middle} 20)` : `translate(${middle + font * 0.35} ${CELL / 2}) rotate(-90)`,
    });
    const shown = upright && data.showStates;
    set(parts.state, { x: 5, width: Math.max(0, place.width - 10), visibility: shown ? "visible" : "hidden" });
  }

  function build(newData, newSteps, width) {
    data = newData;
    texts = data.texts;
    steps = newSteps;
    size = measure(width);
    ink = Object.fromEntries(
      ["encoder", "context", "decoder", "attention", "mute"].map((name) => [name, colour(root, name)])
    );
    // Neighbours were averaged, so that the numbers are small: the strongest colour is for the largest of them.
    strength = Math.max(0.05, ...[...data.encoder, ...steps.map((step) => step.state ?? [])].flat().map(Math.abs)) * 0.8;
    svg.replaceChildren();
    set(svg, { viewBox: `0 0 ${size.wide} ${TALL}`, width: size.wide, height: TALL });
    const arrow = (id, className) => {
      const marker = shape(defs, "marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerUnits: "userSpaceOnUse", markerWidth: 9, markerHeight: 9, orient: "auto" });
      shape(marker, "path", { d: "M0 0L8 4L0 8z", class: className });
    };
    const defs = shape(svg, "defs", {});
    arrow("to-encoder", "head encoder");
    arrow("to-decoder", "head decoder");
    arrow("to-chosen", "head chosen");
    arrow("to-context", "head context");
    const layer = (name) => shape(svg, "g", { class: name });
    const lines = layer("lines");
    const bundles = layer("bundles");
    const cells = layer("cells");
    const tags = layer("tags");
    nodes = { fingerprints: new Map(), mixes: new Map() };
    nodes.readsLabel = shape(tags, "text", { class: "label encoder", x: 0, y: 14 }, texts.encoder);
    shape(tags, "text", { class: "label decoder", x: 0, y: TALL - 8 }, texts.decoder);

    // The encoder: one cell a source token.
    nodes.encoder = data.source.map((token, index) => {
      const parts = cell(cells, token.known ? "encoder" : "encoder unknown");
      set(parts.state, { href: data.encoder.length ? fingerprint(data.encoder[index], ink.encoder, ink.mute, strength) : "" });
      parts.group.addEventListener("pointerenter", () => hot(index));
      parts.group.addEventListener("pointerleave", () => hot(null));
      pressable(parts.group, "", () => act.open("encoder", index));
      set(parts.group, { tabindex: index ? -1 : 0 });
      parts.group.dataset.focus = `encoder-${index}`;
      parts.group.addEventListener("keydown", (event) => {
        const next = { ArrowDown: index + 1, ArrowUp: index - 1 }[event.key];
        if (!nodes.encoder[next]) return;
        event.preventDefault();
        set(parts.group, { tabindex: -1 });
        set(nodes.encoder[next].group, { tabindex: 0 });
        nodes.encoder[next].group.focus();
      });
      tip.on(parts.group, () => aboutToken(index));
      return parts;
    });
    nodes.reads = data.source.slice(1).map(() =>
      shape(lines, "path", { class: "flow encoder", "marker-end": "url(#to-encoder)", ...(data.bidirectional ? { "marker-start": "url(#to-encoder-back)" } : {}) })
    );
    if (data.bidirectional) {
      const back = shape(defs, "marker", { id: "to-encoder-back", viewBox: "0 0 8 8", refX: 1, refY: 4, markerUnits: "userSpaceOnUse", markerWidth: 9, markerHeight: 9, orient: "auto" });
      shape(back, "path", { d: "M8 0L0 4L8 8z", class: "head encoder" });
    }

    // What the encoder hands on: its last state, and with attention a new mixture at each step.
    nodes.first = shape(lines, "path", { class: "first", "marker-end": "url(#to-context)" });
    nodes.firstLabel = shape(tags, "text", { class: "small context", "text-anchor": "end" }, texts.firstState);
    nodes.bundles = size.attends ? data.source.map(() => shape(bundles, "path", { class: "bundle" })) : [];
    if (size.attends) {
      bundles.dataset.focus = "bundles";
      pressable(bundles, texts.openAttention, () => act.open("attention"));
      tip.on(bundles, () => aboutAttention());
    }
    nodes.pill = shape(cells, "g", { class: "pill" });
    nodes.pillBox = shape(nodes.pill, "rect", { rx: 12, height: size.attends ? 26 : 46 });
    nodes.pillWord = shape(nodes.pill, "text", { "text-anchor": "middle", y: 17 });
    nodes.pillState = shape(nodes.pill, "image", { class: "state", preserveAspectRatio: "none" });
    nodes.pillDown = shape(lines, "path", { class: "mixture", "marker-end": "url(#to-context)" });
    nodes.pill.dataset.focus = "pill";
    pressable(nodes.pill, texts.openContext, () => act.open("context"));
    tip.on(nodes.pill, () => (size.attends ? texts.aboutMixture : texts.aboutContext));

    // The decoder: one cell a step, below it the word it wrote, which goes into the next.
    nodes.decoder = steps.map((step, index) => {
      const parts = cell(cells, "decoder");
      parts.chip = shape(parts.group, "g", { class: "chip" });
      parts.chipBox = shape(parts.chip, "rect", { rx: 8, height: 26, y: ROW.chip - ROW.decoder });
      parts.chipWord = shape(parts.chip, "text", { "text-anchor": "middle", y: ROW.chip - ROW.decoder + 18, "font-size": 14 });
      parts.down = shape(parts.group, "path", { class: "flow decoder", "marker-end": "url(#to-decoder)" });
      parts.group.addEventListener("click", () => (index === nodes.now ? act.open("decoder") : act.go(index + 1)));
      tip.on(parts.group, () => aboutStep(index));
      return parts;
    });
    nodes.carries = steps.slice(1).map(() => shape(lines, "path", { class: "flow decoder", "marker-end": "url(#to-decoder)" }));
    nodes.feeds = steps.slice(1).map(() => shape(lines, "path", { class: "feed", "marker-end": "url(#to-chosen)" }));

    // From the current cell to the candidates, and from the chosen one back.
    nodes.out = shape(lines, "path", { class: "out" });
    nodes.back = shape(lines, "path", { class: "back", "marker-end": "url(#to-chosen)" });
    nodes.cellButton = shape(tags, "rect", { class: "hit", height: CELL, rx: 9 });
    nodes.cellButton.dataset.focus = "cell";
    pressable(nodes.cellButton, texts.openDecoder, () => act.open("decoder"));
    tip.on(nodes.cellButton, () => aboutStep(nodes.now));
    bars = makeBars(svg, size, tip, act, data);
    heat = size.attends ? makeHeat(svg, size, tip, act, data, steps, ink) : null;
  }

  function hot(index) {
    nodes.bundles.forEach((path, i) => path.classList.toggle("hot", i === index));
    nodes.encoder.forEach((parts, i) => parts.group.classList.toggle("hot", i === index));
  }

  function aboutToken(index) {
    const token = data.source[index];
    const weight = steps[nodes.now].attention?.[index];
    const parts = [aboutSource(token, texts)];
    if (weight !== undefined) parts.push(fill(texts.weighs, { share: percent(weight), step: nodes.now + 1 }));
    return parts.join(" ");
  }

  function aboutAttention() {
    const weights = steps[nodes.now].attention;
    const shown = topMass(weights);
    const mass = shown.reduce((sum, i) => sum + weights[i], 0);
    const words = shown.map((i) => `${data.source[i].text} ${percent(weights[i])}`).join(", ");
    return fill(texts.aboutAttention, { words, share: percent(mass) });
  }

  function aboutStep(index) {
    if (index > nodes.now) return fill(texts.notYet, { step: index + 1 });
    const step = steps[index];
    return fill(texts.aboutStep, { step: index + 1, input: step.input, word: step.chosen.token });
  }

  // The state after a step, drawn when it is first needed.
  function stateOf(index) {
    const state = steps[index].state;
    if (!state?.length) return "";
    if (!nodes.fingerprints.has(index)) nodes.fingerprints.set(index, fingerprint(state, ink.decoder, ink.mute, strength));
    return nodes.fingerprints.get(index);
  }

  // What attention hands over: the encoder's states, mixed in its proportions.
  function mixtureOf(index) {
    if (!data.encoder.length) return "";
    if (!nodes.mixes.has(index)) {
      const weights = steps[index].attention;
      const mixed = data.encoder[0].map((_, j) => weights.reduce((sum, weight, i) => sum + weight * data.encoder[i][j], 0));
      nodes.mixes.set(index, fingerprint(mixed, ink.context, ink.mute, strength));
    }
    return nodes.mixes.get(index);
  }

  function draw(place) {
    const now = place.step - 1;
    const step = steps[now];
    nodes.now = now;
    const looked = size.attends ? topMass(step.attention) : [];
    const encoder = spread(data.source.length, size.room, new Set(looked.slice(0, 5)));
    const decoder = spread(steps.length, size.room, new Set([now - 1, now, now + 1].filter((i) => i >= 0 && i < steps.length)));
    for (const row of [encoder, decoder]) row.forEach((cell) => (cell.x += size.left));

    encoder.forEach((place, index) => {
      const parts = nodes.encoder[index];
      placeCell(parts, place, ROW.encoder, data.source[index].text, 16);
      set(parts.box, { style: `--share: ${size.attends ? step.attention[index].toFixed(2) : 0.1}` });
      set(parts.group, { "aria-label": `${data.source[index].text}. ${aboutToken(index)} ${texts.openEncoder}` });
      parts.group.classList.toggle("end", index === data.source.length - 1);
    });
    nodes.reads.forEach((path, index) => {
      const from = encoder[index].x + encoder[index].width;
      const to = encoder[index + 1].x;
      set(path, { d: `M${from + 2} ${ROW.encoder + 20}H${to - 2}`, visibility: to - from > 7 ? "visible" : "hidden" });
    });

    const here = decoder[now];
    const x = here.x + here.width / 2;
    const below = ROW.encoder + CELL;
    const pillWide = size.attends ? 134 : Math.min(260, size.room);
    const pillX = size.attends ? clamp(x - pillWide / 2, size.left - 20, size.left + size.room - pillWide + 20) : size.left + size.room / 2 - pillWide / 2;
    const pillY = size.attends ? ROW.pill - 14 : 128;
    nodes.bundles.forEach((path, index) => {
      const shown = looked.includes(index) && data.showAttention;
      set(path, { visibility: shown ? "visible" : "hidden" });
      if (!shown) return;
      const weight = step.attention[index];
      const from = encoder[index].x + encoder[index].width / 2;
      const to = pillX + pillWide / 2 + (from - pillX - pillWide / 2) * 0.06;
      set(path, {
        d: `M${from} ${below + 1}C${from} ${below + 52} ${to} ${pillY - 52} ${to} ${pillY}`,
        style: `stroke-width: ${Math.max(1.2, weight * 20).toFixed(1)}; stroke-opacity: ${(0.35 + 0.4 * weight).toFixed(2)}`,
      });
    });
    set(nodes.pill, { transform: `translate(${pillX.toFixed(1)} ${pillY})` });
    set(nodes.pillBox, { width: pillWide });
    write(nodes.pillWord, size.attends ? fill(texts.mixture, { step: place.step }) : fill(texts.context, { size: data.hidden }));
    set(nodes.pillWord, { x: size.attends ? pillWide / 2 - (data.showStates ? 26 : 0) : pillWide / 2 });
    const picture = size.attends ? mixtureOf(now) : (nodes.mixes.get("context") ?? "");
    if (!size.attends && !picture && data.context.length) nodes.mixes.set("context", fingerprint(data.context, ink.context, ink.mute, strength));
    set(nodes.pillState, {
      href: size.attends ? picture : (nodes.mixes.get("context") ?? ""),
      visibility: data.showStates ? "visible" : "hidden",
      ...(size.attends ? { x: pillWide - 58, y: 5, width: 50, height: 16 } : { x: 16, y: 24, width: pillWide - 32, height: 16 }),
    });
    set(nodes.pillDown, size.attends ? { d: `M${x} ${pillY + 26}V${ROW.decoder - 3}`, visibility: "visible" } : { d: "", visibility: "hidden" });

    // The encoder's last state becomes the decoder's first, and never comes again.
    const end = encoder.at(-1).x + encoder.at(-1).width;
    const start = decoder[0].x;
    const turn = end + 26;
    const lane = size.attends ? ROW.first : 196;
    const down = size.attends
      ? `C${turn} ${ROW.encoder + 20} ${turn} ${lane} ${turn - 22} ${lane}`
      : `C${turn} ${ROW.encoder + 20} ${turn} 151 ${pillX + pillWide} 151M${pillX} 151H30C12 151 12 165 12 190`;
    const into = size.attends ? `H${start - 8}C${start - 28} ${lane} ${start - 26} ${ROW.decoder + 22} ${start - 2} ${ROW.decoder + 22}` : `V${ROW.decoder + 4}C12 ${ROW.decoder + 22} 16 ${ROW.decoder + 22} ${start - 2} ${ROW.decoder + 22}`;
    set(nodes.first, { d: `M${end + 1} ${ROW.encoder + 20}${down}${into}` });
    nodes.first.classList.toggle("past", size.attends && now > 0);
    set(nodes.firstLabel, { x: turn - 26, y: lane - 6, visibility: size.attends ? "visible" : "hidden" });

    decoder.forEach((place, index) => {
      const parts = nodes.decoder[index];
      const written = index <= now;
      placeCell(parts, place, ROW.decoder, written ? steps[index].input : "?", 14);
      set(parts.state, { href: written ? stateOf(index) : "" });
      parts.group.classList.toggle("now", index === now);
      parts.group.classList.toggle("later", !written);
      const roomy = place.width >= 24;
      const chip = shrink(steps[index].chosen.token, place.width - 4, 14);
      write(parts.chipWord, roomy && written ? chip.text : "");
      set(parts.chipWord, { "font-size": chip.font });
      set(parts.chip, { visibility: written && place.width >= 2 ? "visible" : "hidden" });
      parts.chip.classList.toggle("unknown", steps[index].chosen.token === "<unk>");
      parts.chip.classList.toggle("given", Boolean(steps[index].departs));
      set(parts.chipBox, { width: place.width, rx: clamp(place.width / 4, 1, 8) });
      set(parts.chipWord, { x: place.width / 2 });
      set(parts.down, { d: `M${place.width / 2} ${CELL + 1}V${ROW.chip - ROW.decoder - 2}`, visibility: roomy && written ? "visible" : "hidden" });
      if (index === 0) return;
      const before = decoder[index - 1];
      const from = before.x + before.width;
      const gap = place.x - from;
      set(nodes.carries[index - 1], { d: `M${from + 2} ${ROW.decoder + 22}H${place.x - 2}`, visibility: gap > 7 ? "visible" : "hidden" });
      nodes.carries[index - 1].classList.toggle("later", !written);
      const feed = nodes.feeds[index - 1];
      const middle = gap > 7 ? from + gap / 2 : from + 1;
      set(feed, {
        d: `M${from} ${ROW.chip + 13}C${middle + 6} ${ROW.chip + 13} ${middle - 6} ${ROW.decoder + 42} ${place.x - 1} ${ROW.decoder + 42}`,
        visibility: written && gap > 7 ? "visible" : "hidden",
      });
      feed.classList.toggle("now", index === now);
    });
    set(nodes.cellButton, { x: here.x, y: ROW.decoder, width: here.width });

    bars.draw(place, step);
    heat?.draw(place);
    const bracket = size.barsAt - 14;
    const pick = bars.chosenAt();
    const leave = here.x + Math.min(7, here.width / 4);
    set(nodes.out, {
      d: `M${leave} ${ROW.decoder + CELL + 1}V${ROW.out - 8}q0 8 8 8H${bracket - 8}q8 0 8 -8V34`,
    });
    // The chosen word's way back: down from its bar to the lane below the cells, or up to it from the last bars.
    const turnX = bracket - 14;
    const fall = pick < ROW.back ? 8 : -8;
    const toLane = Math.abs(pick - ROW.back) < 17 ? `L${turnX} ${ROW.back}` : `H${turnX + 8}q-8 0 -8 ${fall}V${ROW.back - fall}q0 ${fall} -8 ${fall}`;
    set(nodes.back, { d: `M${size.barsAt - 3} ${pick}${toLane}H${x + 8}q-8 0 -8 -8V${ROW.chip + 28}` });
  }

  return { build, draw, busy: (id) => bars.busy(id), measure: () => size };
}
