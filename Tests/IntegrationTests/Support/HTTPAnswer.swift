/// One HTTP/1.1 answer, taken apart.
struct HTTPAnswer: Sendable {
  var status: Int
  var headers: [String: String]
  var body: [UInt8]

  var text: String { String(decoding: body, as: UTF8.self) }

  /// The body as JSON; `.null` when it is not.
  var json: JSON { (try? JSON(text)) ?? .null }
  /// The text of an error answer.
  var message: String { json["message"].string ?? "" }

  /// The first answer among the bytes of a connection that was read to its end; nil when there is none.
  init?(_ bytes: [UInt8]) {
    guard let end = Self.find([13, 10, 13, 10], in: bytes, from: 0) else { return nil }
    let lines = String(decoding: bytes[..<end], as: UTF8.self).split(
      separator: "\r\n", omittingEmptySubsequences: false)
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { return nil }
    self.status = status
    headers = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].drop { $0 == " " }.description
    }
    let rest = Array(bytes[(end + 4)...])
    if headers["transfer-encoding"]?.lowercased() == "chunked" {
      body = Self.unchunk(rest)
    } else if let length = headers["content-length"].flatMap({ Int($0) }) {
      body = Array(rest.prefix(length))
    } else {
      body = rest
    }
  }

  private static func find(_ pattern: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard bytes.count >= pattern.count else { return nil }
    var index = start
    while index <= bytes.count - pattern.count {
      if bytes[index..<(index + pattern.count)].elementsEqual(pattern) { return index }
      index += 1
    }
    return nil
  }

  private static func unchunk(_ bytes: [UInt8]) -> [UInt8] {
    var body: [UInt8] = []
    var index = 0
    while let end = find([13, 10], in: bytes, from: index) {
      let line = String(decoding: bytes[index..<end], as: UTF8.self).prefix { $0 != ";" }
      guard let size = Int(line, radix: 16), size > 0, end + 2 + size <= bytes.count else { break }
      body += bytes[(end + 2)..<(end + 2 + size)]
      index = end + 2 + size + 2
    }
    return body
  }
}
