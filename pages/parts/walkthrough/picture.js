// The sentence going through the model, from left to right, as one SVG. `build` makes the nodes for a trace and a
// width; `draw` moves them to a step: it changes attributes and makes nothing new.

const TOP_MASS = 0.9; // attention is drawn to the words that together have this share
const TALL = 404;
const ROW = { encoder: 26, pill: 188, first: 217, decoder: 234, chip: 306, back: 346, out: 364 };
const CELL = 52;
const WORD = { least: 36, most: 82, edge: 8, gaps: [16, 8], fold: 34 };

// How wide a cell has to be for its words.
const wantedBy = (...words) => clamp(Math.max(...words.map(([text, size]) => widthOf(text, size))) + WORD.edge, WORD.least, 112);
const lengthOf = (wanted, gap) => wanted.reduce((sum, width) => sum + width, gap * (wanted.length - 1));

// Places in a row for cells that want so many pixels each. Where not all fit, those that come first in `order` are open
// and each run of others is folded into one narrow place. Returns a place for every cell, those of a fold the same one.
function spread(wanted, room, order) {
  const gap = WORD.gaps.find((one) => lengthOf(wanted, one) <= room) ?? WORD.gaps.at(-1);
  const runs = lengthOf(wanted, gap) <= room ? wanted.map((_, i) => ({ from: i, to: i })) : foldedRuns(wanted, room, order, gap);
  const isOpen = ({ folded }) => !folded;
  // The room that is left makes the narrower cells as wide as the others, as far as it goes.
  let spare = room - gap * (runs.length - 1) - WORD.fold * runs.filter(({ folded }) => folded).length;
  const rising = runs.filter(isOpen).map(({ from }) => wanted[from]).sort((a, b) => b - a);
  while (rising.length && rising[0] > spare / rising.length) spare -= rising.shift();
  const level = Math.min(WORD.most, rising.length ? spare / rising.length : 0);
  const places = [];
  let x = 0;
  for (const run of runs) {
    const width = run.folded ? WORD.fold : Math.max(wanted[run.from], level);
    const place = { x, width, ...run };
    for (let i = run.from; i <= run.to; i++) places.push(place);
    x += width + gap;
  }
  return places;
}

// Open cells and the folds between them, from left to right.
function foldedRuns(wanted, room, order, gap) {
  const runsOf = (open) => {
    const runs = [];
    let next = 0;
    for (const i of open) {
      if (i > next) runs.push({ from: next, to: i - 1, folded: true });
      runs.push({ from: i, to: i });
      next = i + 1;
    }
    if (next < wanted.length) runs.push({ from: next, to: wanted.length - 1, folded: true });
    return runs;
  };
  let open = [];
  const tryToOpen = (i) => {
    if (open.includes(i)) return;
    const more = [...open, i].sort((a, b) => a - b);
    if (lengthOf(runsOf(more).map(({ from, folded }) => (folded ? WORD.fold : wanted[from])), gap) <= room) open = more;
  };
  order.forEach(tryToOpen);
  // A fold of one word saves next to nothing.
  runsOf(open).filter(({ from, to, folded }) => folded && from === to).forEach(({ from }) => tryToOpen(from));
  return runsOf(open);
}

// The indices around one, the nearest first, of those within `reach`.
function around(index, count, reach = 14) {
  const found = [];
  for (let away = 0; away <= reach; away++) for (const i of away ? [index - away, index + away] : [index]) if (i >= 0 && i < count) found.push(i);
  return found;
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
  let data, texts, steps, size, ink, nodes, bars, heat, strength, wanted, drawn, peek;

  function measure(width) {
    const wide = Math.max(width, 940);
    const attends = Boolean(steps[0].attention);
    let candidates = clamp(wide * 0.235, 236, 310);
    let map = attends ? clamp(wide * 0.24, 215, 330) : 0;
    const edges = (attends ? 64 : 34) + 66;
    // A sentence that needs more room takes it from both sides, as far as they stay readable.
    const needed = Math.max(...Object.values(wanted).map((row) => lengthOf(row, WORD.gaps.at(-1))));
    let missing = Math.max(0, needed - (wide - candidates - map - edges));
    const fromCandidates = Math.min(missing, candidates - 236);
    candidates -= fromCandidates;
    missing -= fromCandidates;
    if (attends) map -= Math.min(missing, map - 215);
    const flow = wide - candidates - map - edges + 66;
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
    set(parts.group, { display: place.folded ? "none" : "inline" });
    if (place.folded) return;
    set(parts.group, { transform: `translate(${place.x.toFixed(1)} ${top})` });
    set(parts.box, { width: place.width });
    const { text: shown, font } = shrink(text, place.width - 6, fontSize);
    write(parts.word, shown);
    set(parts.word, { "font-size": font, x: place.width / 2, y: 20 });
    set(parts.state, { x: 5, width: place.width - 10, visibility: data.showStates ? "visible" : "hidden" });
  }

  // The folds of a row: each says how many words are in it, which they are, and opens where it is pressed.
  function makeFolds(layer, kind, words) {
    return Array.from({ length: 12 }, () => {
      const parts = { group: shape(layer, "g", { class: `fold ${kind}` }) };
      for (const back of [6, 3, 0]) shape(parts.group, "rect", { x: back, y: 3 + back, width: WORD.fold - 6, height: CELL - 6 - 2 * back, rx: 6 });
      parts.count = shape(parts.group, "text", { "text-anchor": "middle", x: (WORD.fold - 6) / 2, y: CELL / 2 + 4.5 });
      parts.label = () => {
        const { from, to } = parts.place;
        const shown = words(from, to);
        const list = shown.length > 60 ? [...shown.slice(0, 60), "…"] : shown;
        return fill(texts.folded, { count: to - from + 1, words: list.join(kind === "encoder" ? "" : " ") });
      };
      pressable(parts.group, "", () => unfold(kind, Math.round((parts.place.from + parts.place.to) / 2)));
      tip.on(parts.group, parts.label);
      return parts;
    });
  }

  function placeFolds(folds, places, top, share) {
    const shown = [...new Set(places)].filter(({ folded }) => folded);
    folds.forEach((parts, index) => {
      const place = shown[index];
      set(parts.group, { display: place ? "inline" : "none" });
      if (!place) return;
      parts.place = place;
      const { text, font } = shrink(`+${place.to - place.from + 1}`, WORD.fold - 12, 13, 8);
      write(parts.count, text);
      set(parts.count, { "font-size": font });
      set(parts.group, { transform: `translate(${place.x.toFixed(1)} ${top})`, "aria-label": parts.label(), style: `--share: ${share(place).toFixed(2)}` });
    });
  }

  // Open a row around a word that is folded; until the next step, which opens what it is about.
  function unfold(kind, index) {
    peek[kind] = index;
    draw(drawn);
    if (kind === "encoder") takeTab(index);
    (kind === "encoder" ? nodes.encoder[index].group : nodes.cellButton).focus({ preventScroll: true });
  }

  // Tab leads to one of the encoder's cells, the arrows to the others.
  function takeTab(index) {
    nodes.encoder.forEach((parts, i) => set(parts.group, { tabindex: i === index ? 0 : -1 }));
    nodes.tabbed = index;
  }

  function build(newData, newSteps, width) {
    data = newData;
    texts = data.texts;
    steps = newSteps;
    wanted = {
      encoder: data.source.map((token) => wantedBy([token.text, 16])),
      decoder: steps.map((step) => wantedBy([step.input, 14], [step.chosen.token, 14])),
    };
    peek = {};
    size = measure(width);
    ink = Object.fromEntries(
      ["encoder", "context", "decoder", "attention", "mute"].map((name) => [name, colour(root, name)])
    );
    // Neighbours were averaged, so that the numbers are small: the strongest colour is for the largest of them.
    strength = Math.max(0.05, ...[...data.encoder, ...steps.map((step) => step.state ?? [])].flat().map(Math.abs)) * 0.8;
    svg.replaceChildren();
    set(svg, { viewBox: `0 0 ${size.wide} ${TALL}`, width: size.wide, height: TALL });
    const arrow = (id, className) => {
      const marker = shape(defs, "marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerUnits: "userSpaceOnUse", markerWidth: id === "to-encoder" ? 7 : 9, markerHeight: 9, orient: "auto" });
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
        if (nodes.places.encoder[next].folded) return unfold("encoder", next);
        takeTab(next);
        nodes.encoder[next].group.focus();
      });
      tip.on(parts.group, () => aboutToken(index));
      return parts;
    });
    nodes.tabbed = 0;
    nodes.encoderFolds = makeFolds(cells, "encoder", (from, to) => data.source.slice(from, to + 1).map((token) => token.text));
    nodes.reads = data.source.slice(1).map(() =>
      shape(lines, "path", { class: "flow encoder", "marker-end": "url(#to-encoder)", ...(data.bidirectional ? { "marker-start": "url(#to-encoder-back)" } : {}) })
    );
    if (data.bidirectional) {
      const back = shape(defs, "marker", { id: "to-encoder-back", viewBox: "0 0 8 8", refX: 1, refY: 4, markerUnits: "userSpaceOnUse", markerWidth: 7, markerHeight: 9, orient: "auto" });
      shape(back, "path", { d: "M8 0L0 4L8 8z", class: "head encoder" });
    }

    // What the encoder hands on: its last state, and with attention a new mixture at each step.
    nodes.first = shape(lines, "path", { class: "first", "marker-end": "url(#to-context)" });
    // Read from both sides, the sentence ends twice: the backward half has its last state at the first word.
    nodes.firstBack = shape(lines, "path", { class: "first", "marker-end": "url(#to-context)", display: data.bidirectional ? "inline" : "none" });
    nodes.firstLabel = shape(tags, "text", { class: "small context", "text-anchor": "end" }, data.bidirectional ? texts.firstStates : texts.firstState);
    for (const node of [nodes.first, nodes.firstBack, nodes.firstLabel]) tip.on(node, () => (data.bidirectional ? texts.aboutFirstStates : texts.aboutFirstState));
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
    // The cell takes the word and its own state alone: the mixture joins what comes out of it, on the way to the candidates.
    nodes.mix = shape(cells, "g", { class: "mix", display: size.attends ? "inline" : "none" });
    shape(nodes.mix, "circle", { r: 8 });
    shape(nodes.mix, "path", { d: "M-4.5 0H4.5M0 -4.5V4.5" });
    nodes.mix.dataset.focus = "mix";
    pressable(nodes.mix, texts.openMix, () => act.open("attention"));
    tip.on(nodes.mix, () => texts.aboutMix, true);

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
    nodes.decoderFolds = makeFolds(cells, "decoder", (from, to) => (from > nodes.now ? ["…"] : steps.slice(from, to + 1).map((step) => step.input)));
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
    return parts.join(texts.between);
  }

  function aboutAttention() {
    const weights = steps[nodes.now].attention;
    const shown = topMass(weights);
    const mass = shown.reduce((sum, i) => sum + weights[i], 0);
    const words = shown.map((i) => `${data.source[i].text} ${percent(weights[i])}`).join(texts.comma);
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
    if (drawn?.step !== place.step) peek = {};
    drawn = place;
    nodes.now = now;
    const looked = size.attends ? topMass(step.attention) : [];
    const opened = (kind, order, middle, count) => [...(kind in peek ? around(peek[kind], count, 2) : []), ...order, ...around(peek[kind] ?? middle, count)];
    // A word it hardly looks at waits until those beside the strongest one are open.
    const strong = looked.filter((i) => step.attention[i] >= 0.05);
    const first = [...strong, ...(strong.length ? around(strong[0], data.source.length, 1) : []), ...looked];
    const encoder = spread(wanted.encoder, size.room, opened("encoder", first, looked[0] ?? 0, data.source.length));
    const near = [now, now - 1, now + 1].filter((i) => i >= 0 && i < steps.length);
    const decoder = spread(wanted.decoder, size.room, opened("decoder", near, now - 2, steps.length));
    for (const row of [encoder, decoder]) new Set(row).forEach((cell) => (cell.x += size.left));
    nodes.places = { encoder, decoder };

    encoder.forEach((place, index) => {
      const parts = nodes.encoder[index];
      placeCell(parts, place, ROW.encoder, data.source[index].text, 16);
      if (place.folded) return;
      set(parts.box, { style: `--share: ${size.attends ? step.attention[index].toFixed(2) : 0.1}` });
      set(parts.group, { "aria-label": fill(texts.labelled, { word: data.source[index].text, about: aboutToken(index) + texts.between + texts.openEncoder }) });
      parts.group.classList.toggle("end", index === data.source.length - 1);
    });
    const share = (weights) => (fold) => weights?.slice(fold.from, fold.to + 1).reduce((sum, weight) => sum + weight, 0) ?? 0;
    placeFolds(nodes.encoderFolds, encoder, ROW.encoder, share(step.attention));
    placeFolds(nodes.decoderFolds, decoder, ROW.decoder, () => 0);
    nodes.decoderFolds.forEach(({ group, place }) => group.classList.toggle("later", place?.from > now));
    if (encoder[nodes.tabbed].folded) takeTab(encoder.findIndex(({ folded }) => !folded));
    // An arrow between two places; none within a fold.
    const between = (row, index) => ({ from: row[index].x + row[index].width, to: row[index + 1].x, apart: row[index] !== row[index + 1] });
    nodes.reads.forEach((path, index) => {
      const { from, to, apart } = between(encoder, index);
      set(path, { visibility: apart ? "visible" : "hidden" });
      if (apart) set(path, { d: `M${from + 1} ${ROW.encoder + 20}H${to - 1}` });
    });

    const here = decoder[now];
    const x = here.x + here.width / 2;
    const below = ROW.encoder + CELL;
    const pillWide = size.attends ? 146 : Math.min(260, size.room);
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
    write(nodes.pillWord, size.attends ? fill(texts.mixture, { step: place.step }) : fill(texts.context, { size: data.states > 1 ? `${data.states} × ${data.hidden}` : data.hidden }));
    set(nodes.pillWord, { x: size.attends ? pillWide / 2 - (data.showStates ? 26 : 0) : pillWide / 2 });
    const picture = size.attends ? mixtureOf(now) : (nodes.mixes.get("context") ?? "");
    if (!size.attends && !picture && data.context.length) nodes.mixes.set("context", fingerprint(data.context, ink.context, ink.mute, strength));
    set(nodes.pillState, {
      href: size.attends ? picture : (nodes.mixes.get("context") ?? ""),
      visibility: data.showStates ? "visible" : "hidden",
      ...(size.attends ? { x: pillWide - 58, y: 5, width: 50, height: 16 } : { x: 16, y: 24, width: pillWide - 32, height: 16 }),
    });

    // The encoder's last state becomes the decoder's first, and never comes again.
    const end = encoder.at(-1).x + encoder.at(-1).width;
    const start = decoder[0].x;
    const turn = end + 26;
    const lane = size.attends ? ROW.first : 196;
    const firstX = encoder[0].x - 1;
    set(nodes.firstBack, {
      d: size.attends
        ? `M${firstX} ${ROW.encoder + 20}C2 ${ROW.encoder + 20} 2 ${ROW.decoder + 26} ${start - 2} ${ROW.decoder + 26}`
        : `M${firstX} ${ROW.encoder + 20}C4 ${ROW.encoder + 20} 4 138 26 138H${pillX - 2}`,
    });
    nodes.firstBack.classList.toggle("past", size.attends && now > 0);
    const down = size.attends
      ? `C${turn} ${ROW.encoder + 20} ${turn} ${lane} ${turn - 22} ${lane}`
      : `C${turn} ${ROW.encoder + 20} ${turn} 151 ${pillX + pillWide} 151M${pillX} 151H30C12 151 12 165 12 190`;
    const into = size.attends ? `H${start - 8}C${start - 28} ${lane} ${start - 26} ${ROW.decoder + 22} ${start - 2} ${ROW.decoder + 22}` : `V${ROW.decoder + 4}C12 ${ROW.decoder + 22} 16 ${ROW.decoder + 22} ${start - 2} ${ROW.decoder + 22}`;
    set(nodes.first, { d: `M${end + 1} ${ROW.encoder + 20}${down}${into}` });
    nodes.first.classList.toggle("past", size.attends && now > 0);
    // The label stands beside the mixture, not under it.
    const aside = pillX + pillWide > turn - 30 - widthOf(nodes.firstLabel.textContent, 12.5);
    set(nodes.firstLabel, { x: aside ? start : turn - 26, y: lane - 6, "text-anchor": aside ? "start" : "end", visibility: size.attends ? "visible" : "hidden" });

    decoder.forEach((place, index) => {
      const parts = nodes.decoder[index];
      const written = index <= now;
      placeCell(parts, place, ROW.decoder, written ? steps[index].input : "?", 14);
      set(parts.state, { href: written ? stateOf(index) : "" });
      parts.group.classList.toggle("now", index === now);
      parts.group.classList.toggle("later", !written);
      if (!place.folded) {
        const chip = shrink(steps[index].chosen.token, place.width - 6, 14);
        write(parts.chipWord, written ? chip.text : "");
        set(parts.chipWord, { "font-size": chip.font, x: place.width / 2 });
        set(parts.chip, { visibility: written ? "visible" : "hidden" });
        parts.chip.classList.toggle("unknown", steps[index].chosen.token === "<unk>");
        parts.chip.classList.toggle("given", Boolean(steps[index].departs));
        set(parts.chipBox, { width: place.width });
        set(parts.down, { d: `M${place.width / 2} ${CELL + 1}V${ROW.chip - ROW.decoder - 2}`, visibility: written ? "visible" : "hidden" });
      }
      if (index === 0) return;
      const { from, apart } = between(decoder, index - 1);
      const carry = nodes.carries[index - 1];
      set(carry, { visibility: apart ? "visible" : "hidden" });
      const feed = nodes.feeds[index - 1];
      const fed = apart && written && !decoder[index - 1].folded && !place.folded;
      set(feed, { visibility: fed ? "visible" : "hidden" });
      if (!apart) return;
      set(carry, { d: `M${from + 1} ${ROW.decoder + 22}H${place.x - 1}` });
      carry.classList.toggle("later", !written);
      const middle = (from + place.x) / 2;
      set(feed, { d: `M${from} ${ROW.chip + 13}C${middle + 6} ${ROW.chip + 13} ${middle - 6} ${ROW.decoder + 42} ${place.x - 1} ${ROW.decoder + 42}` });
      feed.classList.toggle("now", index === now);
    });
    set(nodes.cellButton, { x: here.x, y: ROW.decoder, width: here.width });

    bars.draw(place, step);
    heat?.draw(place);
    const bracket = size.barsAt - 14;
    const pick = bars.chosenAt();
    const joins = pillY + 13;
    if (size.attends) {
      set(nodes.pillDown, { d: `M${pillX + pillWide} ${joins}H${bracket - 9}` });
      set(nodes.mix, { transform: `translate(${bracket} ${joins})` });
    }
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
