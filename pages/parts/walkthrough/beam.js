// Greedy against beam search on one tree: a column a step, in it the hypotheses by rank, each tied to the one it grew from.

const BEAM = { column: 124, row: 27, box: 100, top: 30, pruned: 3 };

function makeBeam(root) {
  const verdict = element("p", "say");
  const key = element("p", "mute key");
  const stage = element("div", "stage");
  const svg = shape(stage, "svg", { class: "picture tree", role: "group" });
  const about = element("p", "about");
  about.setAttribute("aria-live", "polite");
  const table = element("table", "best");
  const rest = makeRest(stage, () => data.beam.steps.map((_, at) => at * BEAM.column + BEAM.box));
  root.append(verdict, key, stage, rest.more, about, table);
  let data, texts, nodes, focus;

  // The tokens of a hypothesis from its first, found by walking up its parents.
  const chain = (id) => {
    const found = [];
    for (let node = nodes.get(id); node; node = nodes.get(node.parent)) found.unshift(node);
    return found;
  };

  function build() {
    nodes = new Map();
    const greedy = data.greedy;
    const best = new Set();
    const columns = data.beam.steps.map((step, at) => {
      const seen = { pruned: 0 };
      for (const node of step) {
        const parent = nodes.get(node.parent);
        node.at = at;
        node.greedy = (at === 0 || Boolean(parent?.greedy)) && greedy.ids[at] === node.token_id;
        node.children = [];
        nodes.set(node.id, node);
      }
      return step.filter((node) => node.state !== "pruned" || node.greedy || ++seen.pruned <= BEAM.pruned);
    });
    for (const node of chain(data.beam.best[0].node)) best.add(node.id);
    const rows = Math.max(...columns.map((column) => column.length));
    const high = BEAM.top + rows * BEAM.row + 6;
    const wide = columns.length * BEAM.column;
    svg.replaceChildren();
    set(svg, { width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, "aria-label": texts.beamLabel });
    const lines = shape(svg, "g", {});
    columns.forEach((column, at) => {
      shape(svg, "text", { class: "small", x: at * BEAM.column + 2, y: 14 }, fill(texts.beamStep, { step: at + 1 }));
      column.forEach((node, row) => {
        node.x = at * BEAM.column + 2;
        node.y = BEAM.top + row * BEAM.row;
        node.row = row;
        const parent = nodes.get(node.parent);
        parent?.children.push(node);
        const classes = ["node", node.state, node.greedy ? "greedy" : "", best.has(node.id) ? "best" : ""].join(" ");
        if (parent) {
          const [x, y] = [parent.x + BEAM.box, parent.y + 11];
          const bend = (node.x - x) / 2;
          node.line = shape(lines, "path", { class: "edge " + classes, d: `M${x} ${y}C${x + bend} ${y} ${x + bend} ${node.y + 11} ${node.x} ${node.y + 11}` });
        }
        node.group = shape(svg, "g", { class: classes, transform: `translate(${node.x} ${node.y})`, role: "button", tabindex: -1 });
        shape(node.group, "rect", { width: BEAM.box, height: 22, rx: 7 });
        shape(node.group, "text", { x: 6, y: 15.5, "font-size": 13 }, fit(node.token, BEAM.box - 48, 13));
        shape(node.group, "text", { class: "sum", x: BEAM.box - 5, y: 15.5, "text-anchor": "end", "font-size": 11 }, nats(node.log_probability));
        node.group.setAttribute("aria-label", words(node));
        node.group.addEventListener("click", () => choose(node));
        node.group.addEventListener("pointerenter", () => choose(node, false));
        node.group.addEventListener("focus", () => choose(node, false));
        node.group.addEventListener("keydown", (event) => move(event, node, columns));
      });
    });
    focus = columns[0][0];
    set(focus.group, { tabindex: 0 });
  }

  // In words: the sentence so far, its log-probability, and how its score comes about.
  function words(node) {
    const { bonus } = data.beam;
    return fill(texts.beamNode, {
      sentence: chain(node.id).map((one) => one.token).join(" "),
      sum: nats(node.log_probability),
      bonus: bonus * (node.at + 1),
      score: nats(node.score),
      rank: node.rank,
      state: texts[node.state] + (node.greedy ? texts.alsoGreedy : ""),
    });
  }

  function choose(node, scroll = true) {
    about.textContent = words(node);
    const path = new Set(chain(node.id).map((one) => one.id));
    for (const one of nodes.values()) {
      one.group?.classList.toggle("on", path.has(one.id));
      one.line?.classList.toggle("on", path.has(one.id));
    }
    if (scroll) stage.scrollTo({ left: node.x - stage.clientWidth / 2, behavior: still() ? "auto" : "smooth" });
  }

  function move(event, node, columns) {
    const column = columns[node.at];
    const target = {
      ArrowLeft: nodes.get(node.parent),
      ArrowRight: node.children[0],
      ArrowUp: column[node.row - 1],
      ArrowDown: column[node.row + 1],
    };
    if (!(event.key in target)) return;
    event.preventDefault();
    event.stopPropagation();
    const next = target[event.key];
    if (!next?.group) return;
    set(focus.group, { tabindex: -1 });
    focus = next;
    set(next.group, { tabindex: 0 });
    next.group.focus();
  }

  function drawTable() {
    const head = element("tr");
    for (const name of ["", texts.bestSentence, texts.bestSum, texts.bestSteps, texts.bestScore]) head.append(element("th", "", name));
    const rows = data.beam.best.map((sentence, index) => {
      const tokens = chain(sentence.node).map((node) => node.token);
      const row = element("tr");
      const cell = element("td");
      const press = element("button", "walk-it", sentence.sentence || "…");
      press.addEventListener("click", () => choose(nodes.get(sentence.node)));
      cell.append(press);
      if (nodes.get(sentence.node).greedy) cell.append(" ", span("badge", texts.greedySentence));
      cell.append(element("div", "mute tokens", tokens.join(" · ")));
      row.append(element("td", "", String(index + 1)), cell, element("td", "number", nats(sentence.log_probability)), element("td", "number", String(tokens.length)), element("td", "number", nats(sentence.score)));
      return row;
    });
    const caption = element("caption", "", texts.best);
    table.replaceChildren(caption, head, ...rows);
  }

  function drawVerdict() {
    const [first] = data.beam.best;
    const found = chain(first.node).map((node) => node.token_id).join() === data.greedy.ids.join();
    const lost = [...nodes.values()].find((node) => node.greedy && node.state === "pruned");
    const more = first.log_probability > data.greedy.log_probability + 1e-4;
    const values = { beam: brief(first.sentence), greedy: brief(data.greedy.sentence), sum: nats(first.log_probability), other: nats(data.greedy.log_probability), step: (lost?.at ?? 0) + 1 };
    const longer = chain(first.node).length > data.greedy.ids.length;
    const parts = [fill(found ? texts.beamSame : more ? texts.beamMore : longer ? texts.beamLonger : texts.beamWorse, values)];
    if (!found && lost) parts.push(fill(texts.beamLost, values));
    verdict.textContent = parts.join(" ");
    key.replaceChildren(span("swatch kept", texts.kept), span("swatch pruned", texts.pruned), span("swatch final", texts.final), span("swatch greedy", texts.greedyWay));
  }

  return {
    update(component) {
      ({ data } = component);
      texts = data.texts;
      root.setAttribute("role", "region");
      root.setAttribute("aria-label", texts.beamLabel);
      build();
      stage.scrollLeft = 0;
      rest.watch(texts);
      drawVerdict();
      drawTable();
      about.textContent = texts.beamHint;
    },
    rest: rest.stop,
  };
}
