// Exposure bias: the decoder fed the true words, as in training, and fed its own, as in use, step beside step.

function makeLanes(root) {
  const verdict = element("p", "say");
  const stage = element("div", "stage");
  stage.tabIndex = 0;
  const note = element("p", "mute");
  const steps = () => [...stage.querySelectorAll("tr:first-child td")].map((cell) => cell.offsetLeft + cell.offsetWidth);
  const rest = makeRest(stage, steps);
  root.append(verdict, stage, rest.more, note);

  return {
    update({ data }) {
      const { lanes, texts } = data;
      root.setAttribute("role", "region");
      root.setAttribute("aria-label", texts.lanesLabel);
      const parts = lanes.parts_at;
      const length = Math.max(lanes.forced.length, lanes.free.length);
      const worst = Math.max(1e-6, ...[...lanes.forced, ...lanes.free].map((step) => step.loss ?? 0));
      const table = element("table", "lanes");
      const row = (label, classes, make) => {
        const line = element("tr", classes);
        const head = element("th", "", label);
        head.scope = "row";
        line.append(head);
        for (let i = 0; i < length; i++) {
          const cell = element("td", i === parts ? "apart" : "");
          const content = make(i);
          if (content) cell.append(content);
          line.append(cell);
        }
        return line;
      };
      const word = (classes, text) => span(text === "<unk>" ? "unknown" : classes, text);
      const lane = (steps, name, kind) => {
        const title = element("tr", `lane ${kind}`);
        const head = element("th", "", name);
        head.colSpan = length + 1;
        title.append(head);
        const differs = (i) => i >= (parts ?? length) && kind === "free" && steps[i].fed !== lanes.forced[i]?.fed;
        return [
          title,
          row(texts.laneFed, kind, (i) => steps[i] && word(differs(i) ? "own" : "fed", steps[i].fed)),
          row(texts.laneFinds, kind, (i) => {
            if (!steps[i]) return null;
            const found = word(steps[i].right ? "right" : "wrong", `${steps[i].argmax}${steps[i].right ? " ✓" : ""}`);
            found.title = percent(steps[i].probability);
            return found;
          }),
          row(texts.laneLoss, `${kind} losses`, (i) => {
            if (steps[i]?.loss == null) return steps[i] ? span("mute", "–") : null;
            const box = span("loss-box");
            const bar = element("i");
            bar.style.height = `${(steps[i].loss / worst) * 34}px`;
            box.append(bar, span("", steps[i].loss.toFixed(2)));
            return box;
          }),
        ];
      };
      const truth = row(texts.laneTruth, "truth", (i) => {
        const token = lanes.reference[i];
        if (!token) return null;
        const node = span(token.known ? "" : "unknown", token.text);
        if (!token.known) node.title = texts.laneUnknown;
        return node;
      });
      const steps = element("tr", "mute");
      steps.append(element("th", "", texts.laneStep));
      for (let i = 0; i < length; i++) steps.append(element("td", i === parts ? "apart" : "", i === parts ? `${i + 1} ${texts.lanePart}` : String(i + 1)));
      table.append(steps, truth, ...lane(lanes.forced, texts.laneForced, "forced"), ...lane(lanes.free, texts.laneFree, "free"));
      stage.replaceChildren(table);
      rest.watch(texts);
      const values = {
        step: (parts ?? 0) + 1,
        own: lanes.free[parts]?.fed ?? "<eos>",
        truth: lanes.forced[parts]?.fed ?? "<eos>",
        forced: lanes.forced_loss.toFixed(2),
        free: lanes.free_loss.toFixed(2),
      };
      // Each mean is over the steps that have a true word and a loss: fewer, where the decoder ended before the reference.
      const counted = (lane) => lane.filter((step) => step.loss != null).length;
      Object.assign(values, { forcedSteps: counted(lanes.forced), freeSteps: counted(lanes.free) });
      values.missing = values.forcedSteps - values.freeSteps;
      const said = [fill(parts === null ? texts.lanesSame : texts.lanesPart, values), fill(texts.lanesLoss, values)];
      if (values.missing > 0) said.push(fill(texts.lanesEarlier, values));
      verdict.textContent = said.join(texts.between);
      note.textContent = [texts.lanesNote, ...(lanes.reference.some((token) => !token.known) ? [texts.laneUnknown] : [])].join(texts.between);
    },
    rest: rest.stop,
  };
}
