/// Status line and header fields of a response (RFC 9112, sections 4 and 5).
struct ResponseHead: Equatable {
  /// Bytes of status line and fields together.
  static let maximumBytes = 65_536

  var status: Int
  /// Names in lower case.
  var fields: [String: String]

  /// How the body's end is known (RFC 9112, section 6.3).
  enum Framing: Equatable { case none, length(Int), chunked, untilClose }

  enum Failure: Error, Equatable { case notHTTP, badField, badLength }

  /// Parses everything before the empty line.
  init(parsing text: String) throws(Failure) {
    var lines = text.split(separator: "\r\n", omittingEmptySubsequences: false).makeIterator()
    let parts = (lines.next() ?? "").split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), parts[1].utf8.count == 3, let status = Int(parts[1]),
      status >= 100
    else { throw .notHTTP }
    self.status = status
    fields = [:]
    while let line = lines.next() {
      guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else { throw .badField }
      let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      fields[line[..<colon].lowercased()] = String(value)
    }
  }

  func framing() throws(Failure) -> Framing {
    if status < 200 || status == 204 || status == 304 { return .none }
    if let encoding = fields["transfer-encoding"], encoding.lowercased().hasSuffix("chunked") { return .chunked }
    guard let text = fields["content-length"] else { return .untilClose }
    guard let length = Int(text), length >= 0 else { throw .badLength }
    return .length(length)
  }
}
