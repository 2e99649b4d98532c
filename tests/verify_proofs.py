#!/usr/bin/env python3
"""Verify receipts, consistency proofs and exports of a Fullhouse log: written from docs/proofs.md alone, to check that page too.

Exit code 0: shown, one line on stdout says what. 1: not to be believed, one line on stderr says why.
2: wrong usage (a KEY that is no verifier key included), or a file that can't be read.
"""

import argparse
import base64
import hashlib
import json
import re
from collections import namedtuple

Key = namedtuple("Key", "name key_id public")
Checkpoint = namedtuple("Checkpoint", "size root")


class Refused(Exception):
    """What was given is not to be believed; the message says why."""


# Ed25519 (RFC 8032, section 5.1). A point is (X, Y, Z, T) with x = X/Z, y = Y/Z and x*y = T/Z.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a, b):
    """Add two points (RFC 8032, section 5.1.4). The formulas are complete: they double, too."""
    lower, upper = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = upper - lower, d - c, d + c, upper + lower
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    """Multiply a point by a scalar. It needs no constant time: a verifier knows no secrets."""
    result = (0, 1, 1, 0)
    for bit in bin(scalar)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def decode_point(data):
    """Decode 32 bytes (RFC 8032, section 5.1.3); None if they are not the one encoding of a point of the curve."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def ed25519_verify(public, message, signature):
    """Verify a signature (RFC 8032, section 5.1.7), by the equation without the cofactor."""
    if len(signature) != 64:
        return False
    a, r = decode_point(public), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    # With s + L in place of s, there would be a second right signature of the same text.
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = multiply(s, BASE), add(r, multiply(k, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


# Strict readers: Python's own take several spellings for one value, and so would take a changed file for an unchanged one.


def decode_base64(text, size=None):
    """Decode base64 (RFC 4648, section 4). The bits that pad must be zero (section 3.5)."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("something that should be base64 is not") from None
    if base64.b64encode(data) != text.encode() or size not in (None, len(data)):
        raise Refused("something in base64 has padding bits that are not zero, or a wrong length")
    return data


def parse_object(text, what):
    """Parse a JSON object (RFC 8259). No name may be there twice: readers differ in which of the two they take."""

    def unique(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError
        return dict(pairs)

    try:
        # NaN and Infinity are not JSON, but Python takes them; int() does not.
        return checked(json.loads(text, object_pairs_hook=unique, parse_constant=int), dict, what)
    except (ValueError, RecursionError):
        raise Refused(f"{what} is not JSON, or has a name twice") from None


def checked(value, kind, what):
    """Give back `value` if it is of exactly this type (isinstance would take true for an int)."""
    if type(value) is not kind:
        raise Refused(f"{what} is missing, or of the wrong type")
    return value


def member(container, name, kind):
    """The member `name` of a JSON object, which must be of type `kind`."""
    return checked(container.get(name), kind, f"the member {name!r}")


def hashes_in(container, name):
    """The member `name` of a JSON object: a list of hashes."""
    return [decode_base64(checked(item, str, "a hash"), 32) for item in member(container, name, list)]


# Signed notes (docs/proofs.md, "Checkpoints" and "The public key"; c2sp.org/signed-note, c2sp.org/tlog-checkpoint).


def parse_key(line):
    """Parse `name+key id+base64`. Base64 has plus signs too, so only the first two of them separate."""
    match = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+(\S+)\n?", line)
    if not match:
        raise Refused("it is not of the form name+key id+base64")
    key = Key(match[1], bytes.fromhex(match[2]), decode_base64(match[3], 33)[1:])
    if hashlib.sha256(key.name.encode() + b"\n\x01" + key.public).digest()[:4] != key.key_id:
        raise Refused("its key id does not belong to its name and public key")
    if decode_base64(match[3])[0] != 1 or decode_point(key.public) is None:
        raise Refused("it is not an Ed25519 key")
    return key


def verify_note(note, key):
    """Verify the signatures that this key made below a note, at least one, and give back the note's text."""
    head, _, signatures = note.partition("\n\n")
    text, found = head + "\n", False
    if not signatures.endswith("\n"):
        raise Refused("a checkpoint has no signatures, or no line feed at its end")
    for line in signatures[:-1].split("\n"):
        match = re.fullmatch("— ([^ ]+) ([^ ]+)", line)
        if not match:
            raise Refused("a signature's line in a checkpoint is not an em dash, a name and base64")
        data = decode_base64(match[2])
        if match[1] != key.name or data[:4] != key.key_id:
            continue  # somebody else's
        if not ed25519_verify(key.public, text.encode(), data[4:]):
            raise Refused("a checkpoint's signature is not right for the key")
        found = True
    if not found:
        raise Refused("a checkpoint is not signed with the key")
    return text


def verify_checkpoint(note, key):
    """Verify a checkpoint and give back what it says. Lines after the third are signed, but mean nothing to us."""
    lines = verify_note(note, key).split("\n")
    if len(lines) < 4 or lines[0] != key.name or not re.fullmatch("0|[1-9][0-9]{0,19}", lines[1]):
        raise Refused("a checkpoint does not begin with the key's name, a size and a root")
    return Checkpoint(int(lines[1]), decode_base64(lines[2], 32))


# The Merkle tree (RFC 6962, section 2.1).


def leaf_hash(data):
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left, right):
    """The hash of a node that has two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def next_level(fn, sn):
    """Go up one level, and over those at which the node is the last one and has no sibling."""
    while fn == sn and fn % 2 == 0 and fn:
        fn, sn = fn // 2, sn // 2
    return fn // 2, sn // 2


def verify_inclusion(leaf, number, path, checkpoint):
    """Verify an audit path (RFC 9162, section 2.1.3.2)."""
    fn, sn, root = number, checkpoint.size - 1, leaf
    for sibling in path:
        if sn == 0:
            raise Refused("an audit path is too long")
        at_right = fn % 2 == 1 or fn == sn
        root = node_hash(sibling, root) if at_right else node_hash(root, sibling)
        fn, sn = next_level(fn, sn)
    if sn != 0 or root != checkpoint.root:
        raise Refused("an audit path does not lead from its fact to the root of the checkpoint")


def verify_consistency(old, new, hashes):
    """Verify that the log of `old` is the beginning of that of `new` (RFC 9162, section 2.1.4.2)."""
    # The RFC's algorithm is for 0 < old.size < new.size. Every log begins with the empty one; and a log with itself.
    if old.size in (0, new.size):
        if hashes or old.root != (new.root if old.size else hashlib.sha256().digest()):
            raise Refused("the roots differ, or there are hashes where none are needed")
        return
    if old.size & (old.size - 1) == 0:
        hashes = [old.root, *hashes]
    if old.size > new.size or not hashes:
        raise Refused("'from' covers more than 'to', or there are no hashes")
    fn, sn = old.size - 1, new.size - 1
    while fn % 2 == 1:
        fn, sn = fn // 2, sn // 2
    old_root = new_root = hashes[0]
    for c in hashes[1:]:
        if sn == 0:
            raise Refused("there are too many hashes")
        if fn % 2 == 1 or fn == sn:
            old_root, new_root = node_hash(c, old_root), node_hash(c, new_root)
        else:
            new_root = node_hash(new_root, c)
        fn, sn = next_level(fn, sn)
    if sn != 0 or old_root != old.root or new_root != new.root:
        raise Refused("the hashes do not lead from the root of 'from' to the root of 'to'")


def root_of_lines(lines, size):
    """The root over the first `size` lines. In memory are only the roots of full subtrees, the greatest first."""
    roots = []
    for count in range(1, size + 1):
        line = next(lines, None)
        if line is None:
            raise Refused(f"the checkpoint covers {size} facts, but the export has only {count - 1}")
        roots.append(leaf_hash(line.removesuffix(b"\n")))
        # Like adding one to a binary number: for each zero at the end of `count`, two subtrees of the same size become one.
        for _ in range((count & -count).bit_length() - 1):
            right = roots.pop()
            roots.append(node_hash(roots.pop(), right))
    root = roots.pop() if roots else hashlib.sha256().digest()
    while roots:
        root = node_hash(roots.pop(), root)
    return root


# The three commands; each gives back the line that says what was shown.


def read_text(path):
    """Read a file as UTF-8, byte for byte: Python's text mode would turn other line ends into line feeds."""
    with open(path, "rb") as file:
        return file.read().decode("utf-8")


def receipt(args, key):
    """Verify a receipt (docs/proofs.md, "Receipts")."""
    document, events = parse_object(read_text(args.file), "the receipt"), []
    reservation = member(document, "reservation_id", str)
    checkpoint = verify_checkpoint(member(document, "checkpoint", str), key)
    for entry in member(document, "facts", list):
        position, text = member(checked(entry, dict, "an entry"), "log_position", int), member(entry, "fact", str)
        if not 1 <= position <= checkpoint.size:
            raise Refused("a fact is at a log position that the checkpoint does not cover")
        verify_inclusion(leaf_hash(text.encode()), position - 1, hashes_in(entry, "path"), checkpoint)
        fact = parse_object(text, "a fact")
        about = member(member(fact, "data", dict), "reservation_id", str)
        if member(fact, "log_position", int) != position or about != reservation:
            raise Refused("a fact says that it is at another log position, or about another reservation")
        events.append(f"{ascii(member(fact, 'type', str))} at {position}")
    if document.get("format") != "fullhouse-receipt/1" or not events:
        raise Refused("the format is not fullhouse-receipt/1, or there are no facts")
    return f"the first {checkpoint.size} facts of the log have about {ascii(reservation)}: {', '.join(events)}"


def consistency(args, key):
    """Verify a consistency proof (docs/proofs.md, "Consistency")."""
    document, ends = parse_object(read_text(args.file), "the proof"), []
    for end in (member(document, "from", dict), member(document, "to", dict)):
        ends.append(verify_checkpoint(member(end, "note", str), key))
        if member(end, "size", int) != ends[-1].size:
            raise Refused("the size beside a note is not the one that is signed")
    verify_consistency(*ends, hashes_in(document, "hashes"))
    return f"the log of {ends[0].size} facts is the beginning of the log of {ends[1].size} facts"


def export(args, key):
    """Verify an export against a checkpoint (docs/proofs.md, "Canonical bytes of a fact" and "The tree")."""
    checkpoint = verify_checkpoint(read_text(args.checkpoint), key)
    with open(args.file, "rb") as lines:
        if root_of_lines(lines, checkpoint.size) != checkpoint.root:
            raise Refused("the export does not begin with the facts that the checkpoint covers")
    return f"the first {checkpoint.size} lines of the export are the facts that the checkpoint covers"


def main():
    """Read the command line and run one command."""
    parser = argparse.ArgumentParser(description="Verify proofs of a Fullhouse log; see docs/proofs.md.")
    commands = parser.add_subparsers(required=True, metavar="receipt|consistency|export")
    for command in (receipt, consistency, export):
        sub = commands.add_parser(command.__name__, description=command.__doc__)
        sub.set_defaults(run=command)
        sub.add_argument("--key", required=True, help="the verifier key: name+key id+base64")
        if command is export:
            sub.add_argument("--checkpoint", required=True, help="a file with the checkpoint's text")
        sub.add_argument("file", help="the export, as NDJSON" if command is export else "the server's answer")
    args = parser.parse_args()
    try:
        key = parse_key(args.key)
    except (Refused, UnicodeError) as error:
        parser.error(f"--key: {error}")
    try:
        shown = args.run(args, key)
    except OSError as error:
        parser.exit(2, f"can't read a file: {error}\n")
    except UnicodeError:
        parser.exit(1, "not to be believed: something is not UTF-8\n")
    except Refused as error:
        parser.exit(1, f"not to be believed: {error}\n")
    print(shown)


if __name__ == "__main__":
    main()
