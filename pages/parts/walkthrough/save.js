// Taking it along: the frames of an animation drawn from the picture itself, and files handed to the visitor.

const MOST_FRAMES = 60;

// The picture as it stands, with the sentence above it, as a PNG of at most 960 pixels' width.
async function frame(svg, styles, root, line) {
  const copy = svg.cloneNode(true);
  copy.querySelectorAll(".hint").forEach((node) => node.remove());
  const [width, height] = [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height];
  const names = ["encoder", "context", "decoder", "attention", "chosen", "unknown", "ink", "mute", "line", "soft", "paper"];
  const colours = names.map((name) => `--${name}: ${colour(root, name)};`).join("");
  const rules = shape(null, "style", {}, `svg { ${colours} --st-font: 'Noto Sans SC', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif; } ${styles}`);
  copy.prepend(rules);
  set(copy, { class: "picture", width, height, xmlns: "http://www.w3.org/2000/svg" });
  const url = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(copy));
  const image = new Image();
  image.src = url;
  await image.decode();
  const [head, edge] = [44, 10];
  const scale = Math.min(1, (960 - 2 * edge) / width);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale) + 2 * edge;
  canvas.height = Math.round(height * scale) + head + 2 * edge;
  const paint = canvas.getContext("2d");
  paint.fillStyle = colour(root, "paper");
  paint.fillRect(0, 0, canvas.width, canvas.height);
  const write = (size) => (paint.font = `600 ${size}px 'Source Sans', 'Noto Sans SC', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif`);
  write(22);
  const room = canvas.width - 2 * edge;
  // The end of a long sentence is what the step is about.
  let words = line;
  while (words.length > 1 && paint.measureText(words.map((part) => part.text).join(" ")).width > room - 30) words = words.slice(1);
  if (words.length < line.length) words = [{ text: "…", now: false }, ...words];
  let x = edge;
  for (const { text, now } of words) {
    paint.fillStyle = colour(root, "chosen");
    paint.fillText(text, x, edge + 24);
    const wide = paint.measureText(text).width;
    if (now) {
      paint.fillStyle = colour(root, "decoder");
      paint.fillRect(x, edge + 30, wide, 3);
    }
    x += wide + paint.measureText(" ").width;
  }
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
