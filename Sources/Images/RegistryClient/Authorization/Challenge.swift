/// One challenge of `WWW-Authenticate` (RFC 9110, section 11.6.1).
struct Challenge: Sendable, Hashable {
  /// Lower case: `bearer`, `basic`.
  var scheme: String
  /// By their names in lower case.
  var parameters: [String: String]

  private static let maximumHeaderBytes = 8_192

  /// The challenges of all header lines; what cannot be understood is left out.
  static func parse(_ headers: [String]) -> [Challenge] { headers.flatMap(parse) }

  static func parse(_ header: String) -> [Challenge] {
    guard header.utf8.count <= maximumHeaderBytes else { return [] }
    var rest = Array(header.utf8)[...]
    var result: [Challenge] = []
    while true {
      skip(&rest, [0x20, 0x09, UInt8(ascii: ",")])
      guard let word = token(&rest) else { return result }
      skip(&rest, [0x20, 0x09])
      if rest.first == UInt8(ascii: "="), !result.isEmpty {
        rest = rest.dropFirst()
        skip(&rest, [0x20, 0x09])
        guard let value = rest.first == UInt8(ascii: "\"") ? quoted(&rest) : token(&rest) else { return result }
        let name = word.lowercased()
        if result[result.count - 1].parameters[name] == nil { result[result.count - 1].parameters[name] = value }
      } else if rest.first == UInt8(ascii: "=") {
        return result
      } else {
        result.append(Challenge(scheme: word.lowercased(), parameters: [:]))
      }
    }
  }

  private static func skip(_ rest: inout ArraySlice<UInt8>, _ bytes: [UInt8]) {
    rest = rest.drop { bytes.contains($0) }
  }

  private static func token(_ rest: inout ArraySlice<UInt8>) -> String? {
    let separators = Array(" \t,=\"".utf8)
    let word = rest.prefix { !separators.contains($0) && $0 > 0x20 && $0 < 0x7F }
    guard !word.isEmpty else { return nil }
    rest = rest[word.endIndex...]
    return String(decoding: word, as: UTF8.self)
  }

  private static func quoted(_ rest: inout ArraySlice<UInt8>) -> String? {
    var value: [UInt8] = []
    var index = rest.startIndex + 1
    while index < rest.endIndex {
      let byte = rest[index]
      if byte == UInt8(ascii: "\"") {
        rest = rest[(index + 1)...]
        return String(decoding: value, as: UTF8.self)
      }
      if byte == UInt8(ascii: "\\"), index + 1 < rest.endIndex { index += 1 }
      value.append(rest[index])
      index += 1
    }
    return nil
  }
}
