/// Ranges of bytes in headers.
enum ByteRange {
  /// What a `Range` header asks of content of a size: nil for all of it (no range, several ranges, or a form that is not
  /// understood, which RFC 9110, section 14.2, lets a server ignore).
  enum Request: Equatable {
    case all
    case part(Range<Int64>)
    case unsatisfiable
  }

  static func request(_ header: String?, sizeBytes: Int64) -> Request {
    guard let header, header.utf8.count <= 128, header.hasPrefix("bytes=") else { return .all }
    let parts = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return .all }
    let (first, last) = (number(parts[0]), number(parts[1]))
    if parts[0].isEmpty {
      guard let last else { return .all }
      // The last so many bytes.
      return last == 0 || sizeBytes == 0 ? .unsatisfiable : .part(max(0, sizeBytes - last)..<sizeBytes)
    }
    guard let first, last != nil || parts[1].isEmpty else { return .all }
    if let last, last < first { return .all }
    guard first < sizeBytes else { return .unsatisfiable }
    return .part(first..<min(sizeBytes, (last ?? sizeBytes - 1) + 1))
  }

  /// The bytes that a piece of an upload says to be (`first-last`, as the distribution specification writes it, or with
  /// `bytes ` before and a size behind it, as RFC 9110 does); nil for anything else.
  static func piece(_ header: String) -> Range<Int64>? {
    guard header.utf8.count <= 128 else { return nil }
    var text = header[...]
    if text.hasPrefix("bytes ") || text.hasPrefix("bytes=") { text = text.dropFirst(6) }
    if let slash = text.firstIndex(of: "/") { text = text[..<slash] }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let first = number(parts[0]), let last = number(parts[1]), last >= first else { return nil }
    return first..<(last + 1)
  }

  private static func number(_ text: Substring) -> Int64? {
    guard !text.isEmpty, text.utf8.count <= 18, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return Int64(text)
  }
}
