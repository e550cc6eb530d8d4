// Files that people choose: photos of any kind, and the files of a model.

/** What the engine reads by itself, by the first bytes. */
function kind(head) {
  const text = String.fromCharCode(...head.slice(0, 16));
  const brand = text.slice(8, 12);
  if (text.slice(4, 8) === "ftyp") {
    if (/^(hei|hev|mif|msf)/.test(brand)) return "HEIC";
    if (/^avi/.test(brand)) return "AVIF";
    return "a video";
  }
  if (text.startsWith("GIF8")) return "GIF";
  return null;
}

/**
 * The photo as the engine can read it. Formats that only the browser may know, such as HEIC from phones, are decoded by
 * it and become PNG.
 */
export async function decodable(file) {
  const fail = (message, hint) => Object.assign(new Error(message), { hint });
  let head;
  try {
    head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  } catch {
    throw fail("the browser cannot read the file any more", "choose it again; it may have been moved or changed");
  }
  const other = kind(head);
  if (!other) return file;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw fail(`it is ${other}, which neither the engine nor this browser decodes`,
      "save it as JPEG or PNG; on an iPhone, choose “Most Compatible” under Settings, Camera, Formats");
  }
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/png" });
}

/** The files of a model, by their names without folders, and the name of the folder. */
export function modelFolder(files) {
  const folder = files[0]?.webkitRelativePath?.split("/")[0] || "my-model";
  const depth = Math.min(...files.map((file) => (file.webkitRelativePath || file.name).split("/").length));
  const top = files.filter((file) => (file.webkitRelativePath || file.name).split("/").length === depth);
  return { name: folder, files: top.map((file) => ({ name: file.name, file })) };
}
