// Ask one binding of onnxruntime for the answers of one model, in Node or in a browser.

const ARRAYS = { uint8: Uint8Array, int64: BigInt64Array };

// `ort`: the binding; `read(name)`: a file of the model's folder as Uint8Array; `write(line)`: takes
// each answer as an object as soon as it is there.
export async function answer(ort, options, read, write) {
  const text = new TextDecoder().decode(await read("cases.json"));
  const sessions = {};
  for (const { name, file, inputs, outputs } of JSON.parse(text)) {
    try {
      sessions[file] ??= await ort.InferenceSession.create(await read(file), options);
      const feed = {};
      for (const [input, { type, shape, bytes }] of Object.entries(inputs)) {
        const data = (await read(bytes)).slice(); // an array of its own begins at byte 0
        feed[input] = new ort.Tensor(type, new ARRAYS[type](data.buffer), shape);
      }
      const values = await sessions[file].run(feed, outputs);
      const answers = {};
      for (const output of outputs) {
        answers[output] = { shape: values[output].dims, data: Array.from(values[output].data) };
      }
      await write({ case: name, outputs: answers });
    } catch (error) {
      await write({ case: name, refuses: String(error) });
    }
  }
}
