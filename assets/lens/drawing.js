// Draws on canvases: the picture, a map over it, what is kept and rejected, what the model sees, the marks.

const HIGHEST = 460;
const GRID = 512;
const FRAME_SIDE = 336;
const picture = new Image();

// Gives a canvas as many pixels as the screen has under it; null while it is not on the screen.
function fit(canvas, ratio) {
  const width = Math.round(Math.min(1400, canvas.clientWidth * Math.min(2, window.devicePixelRatio || 1)));
  if (!width || !canvas.clientHeight) return null;
  const height = Math.max(1, ratio ? Math.round(width * ratio) : Math.round((width * canvas.clientHeight) / canvas.clientWidth));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height, unit: width / canvas.clientWidth };
}

// Gives a canvas the picture's proportions, within what a pane has room for.
function shape(canvas) {
  const { width, height } = data.picture;
  canvas.style.aspectRatio = `${width} / ${height}`;
  canvas.style.width = `min(100%, ${Math.round((HIGHEST * width) / height)}px)`;
}

function paint(pane, canvas) {
  const area = fit(canvas);
  if (!area) return;
  paintPicture(area);
  if (ready(pane)) {
    if (state.view === "heat") paintHeat(area, pane);
    if (state.view === "kept") paintRejected(area, pane);
    if (state.view !== "original") {
      paintUnseen(area, pane.layout.seen);
      paintEvidence(area);
    }
    paintMarks(area, pane);
  }
}

function paintPicture({ context, width, height }) {
  context.imageSmoothingEnabled = picture.naturalWidth > width;
  context.imageSmoothingQuality = "high";
  if (picture.complete && picture.naturalWidth) context.drawImage(picture, 0, 0, width, height);
}

function paintHeat(area, pane) {
  const found = mapOf(pane);
  if (!found) return;
  const cells = shownCells(pane), { table, low, high } = scaleOf(cells, found.values), colours = coloursOf(table);
  paintGrid(area, cells, found.values, (value) => {
    const share = high > low ? (value - low) / (high - low) : 0;
    const strength = table === "heat" ? share : Math.abs(2 * share - 1);
    return { colour: colours, at: share, alpha: state.opacity * (0.35 + 0.65 * strength) };
  });
}

// Paints a map through a small grid of the picture, each point in the colour and strength that `look` gives it.
function paintGrid(area, cells, values, look) {
  const columns = Math.min(GRID, area.width), rows = Math.max(1, Math.min(GRID, area.height));
  paintPoints(area, raster(cells, values, columns, rows), columns, rows, look);
}

function paintPoints({ context, width, height }, points, columns, rows, look) {
  const small = make("canvas", { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  points.forEach((value, index) => {
    if (Number.isNaN(value)) return;
    const { colour, at, alpha } = look(value);
    const entry = 3 * Math.round(clamp(at, 0, 1) * 255);
    image.data.set([colour[entry], colour[entry + 1], colour[entry + 2], Math.round(255 * alpha)], 4 * index);
  });
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, width, height);
}

// Diagonal lines, so that nobody needs to tell red from green, or either from grey.
function hatch(context, unit, colour, gap) {
  const side = Math.max(4, Math.round(gap * unit));
  const tile = make("canvas", { width: side, height: side });
  const lines = tile.getContext("2d");
  lines.strokeStyle = colour;
  lines.lineWidth = 1.4 * unit;
  lines.beginPath();
  for (const shift of [-side, 0, side]) {
    lines.moveTo(shift, side);
    lines.lineTo(shift + side, 0);
  }
  lines.stroke();
  return context.createPattern(tile, "repeat");
}

function rectangle({ width, height }, [left, top, right, bottom]) {
  const x = Math.round(left * width), y = Math.round(top * height);
  return [x, y, Math.max(1, Math.round(right * width) - x), Math.max(1, Math.round(bottom * height) - y)];
}

function paintRejected(area, pane) {
  const rejected = rejectedOf(pane);
  if (!rejected) return;
  const { context, unit } = area;
  const places = shownCells(pane).filter((cell) => rejected.has(cell.index)).map((cell) => rectangle(area, cell.box));
  for (const fill of [`rgba(190, 18, 30, ${0.75 * state.opacity})`, hatch(context, unit, "rgba(255, 235, 235, 0.9)", 9)]) {
    context.fillStyle = fill;
    for (const place of places) context.fillRect(...place);
  }
}

// Outlines the places that prove the right answer, where they are known.
function paintEvidence(area) {
  for (const box of data.evidence ?? []) doubleStroke(area, () => area.context.rect(...rectangle(area, box)), [7, 5]);
}

function paintUnseen(area, [left, top, right, bottom]) {
  const { context, unit } = area;
  const bands = [[0, 0, 1, top], [0, bottom, 1, 1], [0, top, left, bottom], [right, top, 1, bottom]];
  for (const band of bands.filter(([l, t, r, b]) => r - l > 0.002 && b - t > 0.002)) {
    const place = rectangle(area, band);
    for (const fill of ["rgba(100, 110, 125, 0.8)", hatch(context, unit, "rgba(235, 238, 243, 0.7)", 12)]) {
      context.fillStyle = fill;
      context.fillRect(...place);
    }
    label(area, place, words.unseen);
  }
}

// Writes words into a rectangle, upright or along it, where there is room for them.
function label({ context, unit }, [x, y, width, height], text) {
  context.save();
  context.font = `${Math.round(11 * unit)}px "IBM Plex Sans", sans-serif`;
  const long = context.measureText(text).width + 10 * unit, high = 17 * unit, upright = height > width;
  context.translate(x + width / 2, y + height / 2);
  if (upright) context.rotate(-Math.PI / 2);
  if (long <= Math.max(width, height) && high <= Math.min(width, height)) {
    context.fillStyle = "rgba(30, 41, 59, 0.92)";
    context.fillRect(-long / 2, -high / 2, long, high);
    Object.assign(context, { fillStyle: "white", textAlign: "center", textBaseline: "middle" });
    context.fillText(text, 0, 0.5 * unit);
  }
  context.restore();
}

// Draws a line that shows on light and on dark.
function doubleStroke({ context, unit }, trace, dash = []) {
  context.setLineDash(dash.map((one) => one * unit));
  for (const [colour, width] of [["rgba(15, 23, 42, 0.9)", 4], ["white", 1.8]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: width * unit });
    context.beginPath();
    trace();
    context.stroke();
  }
  context.setLineDash([]);
}

function paintMarks(area, pane) {
  const { context, width, height, unit } = area;
  if (state.place) {
    for (const cell of cellsAt(pane, state.place)) doubleStroke(area, () => context.rect(...rectangle(area, cell.box)));
  }
  if (state.place) {
    const { x, y } = state.place;
    doubleStroke(area, () => context.arc(x * width, y * height, 4 * unit, 0, 2 * Math.PI));
  }
  if (state.cross && state.focused === pane.key) {
    const { x, y } = state.cross, arm = 12 * unit;
    doubleStroke(area, () => {
      context.moveTo(x * width - arm, y * height);
      context.lineTo(x * width + arm, y * height);
      context.moveTo(x * width, y * height - arm);
      context.lineTo(x * width, y * height + arm);
    });
    if (brushing()) doubleStroke(area, () => context.arc(x * width, y * height, state.radius * width, 0, 2 * Math.PI), [4, 3]);
  }
}

// Returns where each frame stands: tiles as they lie in the picture, everything else apart from them, on the right.
function arrange(frames) {
  const tiles = frames.filter((frame) => frame.name === "tiles");
  const lefts = [...new Set(tiles.map(({ box }) => box[0].toFixed(4)))].sort((a, b) => a - b);
  const tops = [...new Set(tiles.map(({ box }) => box[1].toFixed(4)))].sort((a, b) => a - b);
  const wide = Math.max(1, ...tiles.map((one) => one.width)), high = Math.max(1, ...tiles.map((one) => one.height));
  const gap = 0.06 * Math.max(wide, high);
  const placed = tiles.map((frame) => ({
    frame,
    x: lefts.indexOf(frame.box[0].toFixed(4)) * (wide + gap), y: tops.indexOf(frame.box[1].toFixed(4)) * (high + gap),
  }));
  let x = tiles.length ? lefts.length * (wide + gap) + 2 * gap : 0;
  for (const frame of frames.filter((one) => one.name !== "tiles")) {
    placed.push({ frame, x, y: 0 });
    x += frame.width + gap;
  }
  return {
    placed,
    width: Math.max(...placed.map((one) => one.x + one.frame.width)),
    height: Math.max(...placed.map((one) => one.y + one.frame.height)),
  };
}

function paintSeen(pane, canvas) {
  const { placed, width, height } = arrange(pane.layout.frames);
  canvas.style.aspectRatio = `${width} / ${height}`;
  canvas.style.width = `min(100%, ${Math.round((HIGHEST * width) / height)}px)`;
  const area = fit(canvas, height / width);
  if (!area || !picture.naturalWidth) return;
  const scale = area.width / width;
  for (const { frame, x, y } of placed) {
    paintFrame(area, frame, [x * scale, y * scale, frame.width * scale, frame.height * scale]);
  }
}

// Draws one frame with no more pixels than the model was given, and the grid of its tokens over it.
function paintFrame({ context, unit }, { box: [left, top, right, bottom], rows, columns, width, height }, place) {
  const shrink = Math.min(1, FRAME_SIDE / Math.max(width, height));
  const small = make("canvas", { width: Math.max(1, Math.round(width * shrink)), height: Math.max(1, Math.round(height * shrink)) });
  const { naturalWidth: w, naturalHeight: h } = picture;
  const crop = [left * w, top * h, Math.max(1, (right - left) * w), Math.max(1, (bottom - top) * h)];
  small.getContext("2d").drawImage(picture, ...crop, 0, 0, small.width, small.height);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, ...place);
  const [x, y, wide, high] = place;
  for (const [colour, line] of [["rgba(15, 23, 42, 0.55)", 2], ["rgba(255, 255, 255, 0.75)", 0.8]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: line * unit });
    context.beginPath();
    for (let row = 0; row <= rows; row += 1) context.rect(x, y + (high * row) / rows, wide, 0);
    for (let column = 0; column <= columns; column += 1) context.rect(x + (wide * column) / columns, y, 0, high);
    context.stroke();
  }
}
