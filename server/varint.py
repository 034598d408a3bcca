"""Un entier à la façon de protobuf, pour qui écrit l'en-tête d'un message sans en recopier le corps."""


def varint(value: int) -> bytes:
    """Octets de cet entier, qui n'est pas négatif."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
