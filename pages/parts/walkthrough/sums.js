// The arithmetic on demand: the operation behind a cell, the context, the attention or the softmax, with this model's
// shapes, this step's numbers and the lesson's line.

const PARTS = {
  encoder: ["encoder embedding", "encoder cell"],
  context: ["context"],
  decoder: ["decoder embedding", "decoder cell"],
  attention: ["attention", "mix"],
  softmax: ["fc_out", "softmax", "choice"],
};

// Parts that code calls so too; the others are named in the visitor's language alone.
const CODE = ["mix", "fc_out", "softmax"];

function drawSumsCard(card, data, open, place, step, sums, act) {
  const { texts } = data;
  const { what, position } = open;
  const title = heading(fill(texts.sums, { step: place.step }));
  const shut = element("button", "prune", "×");
  shut.setAttribute("aria-label", texts.close);
  shut.dataset.focus = "close-sums";
  shut.addEventListener("click", () => act.open(null));
  title.append(shut);
  const row = element("div", "chooser");
  for (const part in PARTS) {
    if (part === "attention" && !data.attends) continue;
    const button = element("button", `part ${part}`, texts[`part_${part}`]);
    button.dataset.focus = `part-${part}`;
    button.setAttribute("aria-pressed", part === what);
    button.addEventListener("click", () => act.open(part, position));
    row.append(button);
  }
  card.replaceChildren(title, row);
  if (!sums) return card.append(element("p", "mute", data.offline ? fill(texts.sumsOffline, { count: Math.max(...data.sums.map((one) => one.step)) }) : texts.waiting));
  const explain = what === "encoder" ? fill(texts.sum_encoder, { word: data.source[position].text }) : what === "context" && data.attends ? texts.sum_mixture : texts[`sum_${what}`];
  card.append(element("p", "", explain));
  // With attention the context of a step is the mixture; the encoder's last state is only where the decoder begins.
  const wanted = what === "context" && data.attends ? ["attention", "context"] : PARTS[what];
  for (const part of wanted) card.append(...sums.operations.filter((one) => one.part === part).map((one) => drawOperation(one, step, data)));
  if (what === "softmax") card.append(drawShares(step, place.temperature, texts));
  if (what === "attention" && data.attends) card.append(drawWeights(step, data, texts));
}

// Of a row of probabilities the largest say something, and the one that was taken; the first six are any words.
function telling(quantity, operation, step, data) {
  const taken = (candidate) => candidate.id === step.chosen.id;
  if (quantity.name === "a" && step.attention)
    return step.attention.map((weight, i) => [data.source[i].text, weight]).sort((a, b) => b[1] - a[1]).slice(0, 6);
  if (!["fc_out", "softmax"].includes(operation.part) || !["logits", "p"].includes(quantity.name)) return null;
  const first = step.candidates.slice(0, 5);
  const shown = first.some(taken) ? first : [step.chosen, ...first];
  return shown.map((candidate) => [candidate.token, quantity.name === "p" ? shareOf(candidate, step, 1) : candidate.logit]);
}

function drawOperation(operation, step, data) {
  const { texts } = data;
  const box = element("div", "operation");
  const name = element("h4", "", texts[`op_${operation.part.replace(" ", "_")}`]);
  if (operation.part.endsWith("cell")) name.append(span("mute", " " + fill(texts.sumLayer, { layer: operation.layer, direction: operation.direction })));
  box.append(name, element("code", "formula", operation.formula), element("code", "shapes", CODE.includes(operation.part) ? operation.shapes : operation.shapes.slice(operation.part.length + 2)));
  const table = element("table", "numbers");
  const add = (kind, list) => {
    for (const quantity of list) {
      const line = element("tr");
      const size = quantity.shape.reduce((product, size) => product * size, 1);
      const named = telling(quantity, operation, step, data);
      const numbers = named ? named.map(([word, number]) => `${word} ${nats(number, 3)}`) : quantity.numbers.map((number) => nats(number, 3));
      // One number has no length.
      const norm = size > 1 ? `${texts.sumNorm} ≈ ${nats(quantity.norm)}` : "";
      line.append(
        element("td", "mute", kind),
        element("th", "", quantity.name),
        element("td", "mute number", size > 1 ? `(${quantity.shape.join(", ")})` : ""),
        element("td", "number", "≈ " + numbers.join(named ? " · " : "  ") + (size > numbers.length ? (named ? " · …" : "  …") : "")),
        element("td", "mute number", kind === texts.sumGate ? `${texts.sumMean} ≈ ${nats(quantity.mean, 3)}` : norm)
      );
      table.append(line);
    }
  };
  add(texts.sumIn, operation.inputs);
  add(texts.sumGate, operation.gates);
  add(texts.sumOut, operation.outputs);
  const scroll = element("div", "scroll");
  scroll.append(table);
  box.append(scroll);
  if (operation.lesson) {
    const lesson = element("p", "mute", texts.sumLesson + " ");
    lesson.append(element("code", "", operation.lesson));
    box.append(lesson);
  } else {
    box.append(element("p", "mute", texts.sumNoLesson));
  }
  return box;
}

// The first candidates' shares, written out.
function drawShares(step, temperature, texts) {
  const box = element("div", "operation");
  box.append(element("h4", "", fill(texts.sumShares, { temperature: temperature.toFixed(1) })));
  const sum = step.logSums[Math.round(temperature * 10) - 1];
  for (const candidate of step.candidates.slice(0, 3)) {
    const inner = temperature === 1 ? nats(candidate.logit) : `${nats(candidate.logit)} ÷ ${temperature.toFixed(1)}`;
    box.append(element("code", "formula", `p(${candidate.token}) = exp(${inner} − ${nats(sum)}) ≈ ${percent(shareOf(candidate, step, temperature))}`));
  }
  box.append(element("p", "mute", fill(texts.sumLog, { sum: nats(sum) })));
  return box;
}

function drawWeights(step, data, texts) {
  const box = element("div", "operation");
  box.append(element("h4", "", texts.sumWeights));
  const order = step.attention.map((_, i) => i).sort((a, b) => step.attention[b] - step.attention[a]).slice(0, 6);
  box.append(element("code", "formula", "c ≈ " + order.map((i) => `${step.attention[i].toFixed(3)} · h(${data.source[i].text})`).join(" + ") + (step.attention.length > 6 ? " + …" : "")));
  return box;
}
