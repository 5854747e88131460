/// One certificate in PEM form (RFC 7468), looked at no closer than needed to install it and to tell its fingerprint.
struct CertificateFile: Equatable {
  static let maximumBytes = 64 << 10
  private static let opening = "-----BEGIN CERTIFICATE-----"
  private static let closing = "-----END CERTIFICATE-----"
  private static let lineLength = 64

  /// The certificate itself (DER).
  let bytes: [UInt8]

  /// Takes a text with one certificate and nothing else.
  init(pem: [UInt8], named name: String) throws(ClientError) {
    let wrong = ClientError("'\(name)' is not one certificate in PEM form")
    guard let text = String(validating: pem, as: UTF8.self) else { throw wrong }
    let lines = text.split(whereSeparator: \.isNewline).map { $0.filter { !$0.isWhitespace || $0 == " " } }
    guard lines.first == Self.opening, lines.last == Self.closing, lines.count > 2 else { throw wrong }
    let body = lines.dropFirst().dropLast()
    guard body.allSatisfy({ !$0.hasPrefix("-") }), let bytes = Base64.decode(body.joined()), Self.isSequence(bytes)
    else { throw wrong }
    self.bytes = bytes
  }

  /// Whether the bytes are one ASN.1 sequence of their own length (X.690, sections 8.1.2 and 8.1.3).
  private static func isSequence(_ bytes: [UInt8]) -> Bool {
    guard bytes.count > 4, bytes[0] == 0x30, bytes[1] & 0x80 != 0 else { return false }
    let digits = Int(bytes[1] & 0x7F)
    guard (1...3).contains(digits), bytes.count > 2 + digits else { return false }
    return bytes[2..<2 + digits].reduce(0) { $0 << 8 | Int($1) } == bytes.count - 2 - digits
  }

  /// The certificate alone, in lines of 64 characters.
  var pem: String {
    var text = Self.opening + "\n"
    var rest = Base64.encode(bytes)[...]
    while !rest.isEmpty {
      text += rest.prefix(Self.lineLength) + "\n"
      rest = rest.dropFirst(Self.lineLength)
    }
    return text + Self.closing + "\n"
  }

  /// Of SHA-256, as browsers and openssl print it.
  var fingerprint: String {
    var text = ""
    for (index, character) in digest.uppercased().enumerated() {
      if index > 0, index.isMultiple(of: 2) { text += ":" }
      text.append(character)
    }
    return text
  }

  /// SHA-256 in 64 digits.
  var digest: String { SHA256Text.hex(bytes) }
}
