// The ways a sentence could have gone: greedy decoding and every branch that somebody followed, as a tree.
// A way is named by where it leaves: "3-57.5-880" took word 57 at step 3, went on, and took word 880 at step 5.

const GREEDY = "0";
const departures = (id) => (id === GREEDY ? [] : id.split(".").map((part) => part.split("-").map(Number)));
const named = (list) => list.map((pair) => pair.join("-")).join(".") || GREEDY;
const parentOf = (id) => named(departures(id).slice(0, -1));

// Where a candidate leads from a step of a way: perhaps to a way that exists already.
function wayTo(ways, id, step, token) {
  const base = departures(id).filter(([at]) => at < step);
  const trunk = ways.get(named(base));
  return trunk?.steps[step - 1]?.chosen.id === token ? named(base) : named([...base, [step, token]]);
}

// The ways as they came, each with the steps that it shares with the way it left.
function readWays(list) {
  const ways = new Map();
  for (const way of list) {
    const own = way.steps.map(readStep);
    const at = way.id === GREEDY ? 1 : departures(way.id).at(-1)[0];
    if (way.id !== GREEDY) own[0].departs = true;
    const before = way.id === GREEDY ? [] : ways.get(parentOf(way.id)).steps.slice(0, at - 1);
    ways.set(way.id, { ...way, at, steps: [...before, ...own] });
  }
  return ways;
}

function readStep(step) {
  const word = ([token, id, logit]) => ({ token, id, logit });
  return {
    input: step.input,
    candidates: step.candidates.map(word),
    chosen: { ...word(step.chosen), rank: step.rank },
    logProbability: step.log_probability,
    entropy: step.entropy,
    logSums: step.log_sums,
    state: step.state,
    attention: step.attention,
  };
}

// Depth first, so that a branch stands under the way it left.
function inOrder(ways, id = GREEDY) {
  const children = [...ways.keys()].filter((other) => other !== GREEDY && parentOf(other) === id);
  children.sort((a, b) => departures(a).at(-1)[0] - departures(b).at(-1)[0]);
  return [id, ...children.flatMap((child) => inOrder(ways, child))];
}

function drawWays(card, ways, place, texts, act, offline, undo) {
  const title = heading(texts.ways, texts.waysNote);
  const list = element("ol", "ways-list");
  const greedy = ways.get(GREEDY);
  const order = inOrder(ways);
  const best = order.reduce((a, b) => (ways.get(b).log_probability > ways.get(a).log_probability + 1e-6 ? b : a));
  for (const id of order) {
    const way = ways.get(id);
    const depth = departures(id).length;
    const row = element("li", id === place.way ? "way current" : "way");
    row.style.setProperty("--depth", Math.min(depth, 5));
    const walk = element("button", "walk-it");
    walk.dataset.focus = `way-${id}`;
    if (id === place.way) walk.setAttribute("aria-current", "true");
    const leaves = depth ? way.steps[way.at - 1] : null;
    const parent = depth > 1 ? ways.get(parentOf(id)) : null;
    const values = depth && { step: way.at, word: leaves.chosen.token, argmax: leaves.candidates[0].token };
    const name = !depth ? texts.greedy : parent ? fill(texts.leavesWay, { ...values, taken: parent.steps[parent.at - 1].chosen.token, at: parent.at }) : fill(texts.leaves, values);
    walk.append(span("leaves", name));
    const line = span("line");
    way.steps.forEach((step, index) => {
      const shared = depth && index < way.at - 1;
      const word = span(shared ? "shared" : step.departs && index === way.at - 1 ? "differs" : step.departs ? "left" : "", step.chosen.token);
      line.append(word, " ");
    });
    if (!way.finished) line.append(span("mute", texts.cutOff));
    walk.append(line);
    walk.addEventListener("click", () => act.walk(id));
    const sum = span("sum", `ln p ≈ ${nats(way.log_probability)}`);
    sum.title = fill(texts.sumTitle, { each: nats(way.log_probability / way.steps.length), steps: way.steps.length });
    // A branch of a branch is compared with both: its marked word with the way it leaves, the sentence with greedy's too.
    const compare = (other, more, less) => {
      const gain = way.log_probability - other.log_probability;
      sum.append(element("small", gain > 0 ? "gain" : "loss", fill(gain > 0 ? more : less, { nats: Math.abs(gain).toFixed(2) })));
    };
    if (depth) compare(greedy, texts.more, texts.less);
    if (parent) compare(parent, texts.moreThanWay, texts.lessThanWay);
    row.append(walk, sum);
    if (depth && !offline) {
      const below = order.filter((other) => other.startsWith(id + ".")).length;
      const prune = element("button", "prune", below ? `× ${below + 1}` : "×");
      prune.dataset.focus = `prune-${id}`;
      const label = fill(below ? texts.pruneMany : texts.prune, { way: name, count: below + 1 });
      prune.title = label;
      prune.setAttribute("aria-label", label);
      prune.addEventListener("click", () => act.prune(id));
      row.append(prune);
    }
    list.append(row);
  }
  const verdict = element("p", "mute");
  if (order.length === 1) verdict.textContent = offline ? "" : texts.waysHint;
  else if (best !== GREEDY) verdict.textContent = fill(texts.greedyLost, { sentence: brief(ways.get(best).steps.map((step) => step.chosen.token).join(" ")) });
  else verdict.textContent = texts.greedyWon;
  card.replaceChildren(title, list, verdict);
  if (undo) {
    const back = element("button", "quiet", texts.undo);
    back.dataset.focus = "undo";
    back.addEventListener("click", () => act.undo());
    card.append(back);
  }
}
