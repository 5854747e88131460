/// Patterns for names with separators: `?` is one character, `*` any number, neither crossing the separator.
enum PathPattern {
  /// Longest pattern and text compared; a longer one never matches.
  static let maximumBytes = 4096

  static func matches(_ pattern: String, _ text: String, separator: Character? = "/") -> Bool {
    let pattern = Array(pattern.utf8)
    let text = Array(text.utf8)
    guard pattern.count <= maximumBytes, text.count <= maximumBytes else { return false }
    let stop = separator?.asciiValue
    // One step back to the last star is enough: time is bounded by the product of the lengths.
    var position = 0
    var index = 0
    var star: (position: Int, index: Int)?
    while index < text.count {
      let byte = text[index]
      if position < pattern.count, pattern[position] == UInt8(ascii: "*") {
        star = (position, index)
        position += 1
      } else if position < pattern.count,
        pattern[position] == byte || pattern[position] == UInt8(ascii: "?") && byte != stop
      {
        position += 1
        index += 1
      } else if let last = star, text[last.index] != stop {
        star = (last.position, last.index + 1)
        position = last.position + 1
        index = last.index + 1
      } else {
        return false
      }
    }
    return pattern[position...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
