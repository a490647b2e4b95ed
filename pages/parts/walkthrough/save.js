// Taking it along: the frames of an animation drawn from the picture itself, and files handed to the visitor.

const MOST_FRAMES = 60;

const FRAME = { widest: 1240, edge: 10, letters: 22, line: 34, cut: 24 };

// The words of a sentence in lines of so many pixels: [[word, …], …] with the place of each.
function wrapped(words, room) {
  const lines = [[]];
  let x = 0;
  for (const text of words) {
    const wide = widthOf(text, FRAME.letters) * 1.06; // the letters are bolder than those that were measured
    if (x && x + wide > room) {
      lines.push([]);
      x = 0;
    }
    const shown = fit(text, room / 1.06, FRAME.letters);
    lines.at(-1).push({ text: shown, x, wide: Math.min(wide, room) });
    x += wide + 7;
  }
  return lines;
}

// The picture as it stands after `count` words, with the sentence above it, as a PNG. Every frame has room for as many
// lines as the whole sentence takes, two at most: of a longer one the end is what the step is about.
async function frame(svg, styles, root, words, count) {
  const copy = svg.cloneNode(true);
  // A picture of a picture has not the page's fonts: each text keeps the width that it has here, in its box.
  const texts = [...svg.querySelectorAll("text")];
  copy.querySelectorAll("text").forEach((node, i) => {
    const wide = node.textContent && texts[i].getComputedTextLength();
    if (wide) set(node, { textLength: wide, lengthAdjust: "spacingAndGlyphs" });
  });
  copy.querySelectorAll(".hint").forEach((node) => node.remove());
  const [width, height] = [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height];
  const names = ["encoder", "context", "decoder", "attention", "chosen", "unknown", "ink", "mute", "line", "soft", "paper"];
  const colours = names.map((name) => `--${name}: ${colour(root, name)};`).join("");
  const rules = shape(null, "style", {}, `svg { ${colours} --st-font: ${FONTS}; } ${styles}`);
  copy.prepend(rules);
  set(copy, { class: "picture", width, height, xmlns: "http://www.w3.org/2000/svg" });
  const url = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(copy));
  const image = new Image();
  image.src = url;
  await image.decode();
  const { edge } = FRAME;
  const scale = Math.min(1, (FRAME.widest - 2 * edge) / width);
  const room = Math.round(width * scale);
  const head = FRAME.line * Math.min(2, wrapped(words, room - FRAME.cut).length) + 10;
  const canvas = document.createElement("canvas");
  canvas.width = room + 2 * edge;
  canvas.height = Math.round(height * scale) + head + 2 * edge;
  const paint = canvas.getContext("2d");
  paint.fillStyle = colour(root, "paper");
  paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.font = `600 ${FRAME.letters}px ${FONTS}`;
  const lines = wrapped(words.slice(0, count), room - FRAME.cut);
  const shown = lines.slice(-2);
  paint.fillStyle = colour(root, "chosen");
  shown.forEach((line, row) => {
    const cut = row === 0 && lines.length > 2;
    if (cut) paint.fillText("…", edge, edge + 24);
    for (const { text, x, wide } of line) paint.fillText(text, edge + x + (cut ? FRAME.cut : 0), edge + 24 + row * FRAME.line, wide);
  });
  const last = shown.at(-1).at(-1);
  paint.fillStyle = colour(root, "decoder");
  paint.fillRect(edge + last.x, edge + 30 + (shown.length - 1) * FRAME.line, last.wide, 3);
  paint.drawImage(image, edge, head + edge, width * scale, height * scale);
  return canvas.toDataURL("image/png").split(",")[1];
}

// The rules between the marks in the stylesheet: those of the picture alone.
function pictureStyles(root) {
  const sheets = [...(root.getRootNode().querySelectorAll?.("style") ?? [])].map((node) => node.textContent);
  const own = sheets.find((text) => text.includes("/* The picture.")) ?? "";
  return own.slice(own.indexOf("/* The picture."), own.indexOf("/* End of the picture. */"));
}

// Hand a file to the visitor as a download.
function saveFile({ name, type, content }) {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
