/// Texts for times and sizes, as compose files write them.
enum Units {
  private static let nanoseconds: [(unit: String, value: Double)] = [
    ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9), ("d", 86_400e9),
    ("w", 604_800e9),
  ]

  /// `1h30m`, `1.5s`, `0`; nil for anything else and for more than 292 years.
  static func duration(_ text: String) -> Int64? {
    if text == "0" { return 0 }
    var rest = text[...]
    var total = 0.0
    guard !rest.isEmpty, text.utf8.count <= 64 else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0 == "." || ("0"..."9").contains($0) }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0 != "." && !("0"..."9").contains($0) }
      rest = rest.dropFirst(unit.count)
      guard let count = Double(digits), let scale = nanoseconds.first(where: { $0.unit == unit })?.value else {
        return nil
      }
      total += count * scale
    }
    return total < 9.2e18 ? Int64(total.rounded()) : nil
  }

  /// As Go prints durations: `1m30s`, `1.5s`, `100ms`.
  static func text(nanoseconds: Int64) -> String {
    guard nanoseconds != 0 else { return "0s" }
    for (unit, size) in [("ns", Int64(1)), ("µs", 1_000), ("ms", 1_000_000)] where nanoseconds < size * 1_000 {
      return decimal(nanoseconds, parts: size) + unit
    }
    let seconds = nanoseconds / 1_000_000_000
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60)
    let rest = decimal(nanoseconds - (seconds - seconds % 60) * 1_000_000_000, parts: 1_000_000_000) + "s"
    if hours > 0 { return "\(hours)h\(minutes)m\(rest)" }
    return minutes > 0 ? "\(minutes)m\(rest)" : rest
  }

  private static func decimal(_ value: Int64, parts: Int64) -> String {
    guard value % parts != 0 else { return String(value / parts) }
    let width = String(parts).count - 1
    let digits = String(value % parts)
    var fraction = String(repeating: "0", count: width - digits.count) + digits
    while fraction.last == "0" { fraction.removeLast() }
    return "\(value / parts).\(fraction)"
  }

  /// `64m`, `1.5gb`, `2GiB`, `1024`: bytes, in powers of 1,024; nil for anything else.
  static func size(_ text: String) -> Int64? {
    let lower = text.lowercased()
    let digits = lower.prefix { $0 == "." || ("0"..."9").contains($0) }
    let unit = lower.dropFirst(digits.count).drop { $0 == " " }
    guard let count = Double(digits), digits.utf8.count <= 20 else { return nil }
    let power: Int
    switch unit {
    case "", "b": power = 0
    case "k", "kb", "kib": power = 1
    case "m", "mb", "mib": power = 2
    case "g", "gb", "gib": power = 3
    case "t", "tb", "tib": power = 4
    case "p", "pb", "pib": power = 5
    default: return nil
    }
    let bytes = (0..<power).reduce(count) { value, _ in value * 1_024 }
    return bytes < 9.2e18 ? Int64(bytes) : nil
  }

  /// `1.5` in billionths: processors in nanoseconds per second; nil for anything else.
  static func billionths(_ text: String) -> Int64? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard !text.isEmpty, let whole = Int64(parts[0].isEmpty ? "0" : parts[0]), whole >= 0, whole < 1_000_000 else {
      return nil
    }
    guard parts.count == 2 else { return whole * 1_000_000_000 }
    guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), text != "." else { return nil }
    let digits = String(parts[1].prefix(9))
    guard let fraction = Int64(digits.isEmpty ? "0" : digits + String(repeating: "0", count: 9 - digits.count)) else {
      return nil
    }
    return whole * 1_000_000_000 + fraction
  }
}

/// Takes a command line apart into words as a POSIX shell does (XCU 2.2), without replacing anything.
enum ShellWords {
  /// nil where a quote is not closed.
  static func split(_ text: String) -> [String]? {
    var words: [String] = []
    var word = ""
    var isInWord = false
    var quote: Character?
    var characters = text.makeIterator()
    while let character = characters.next() {
      if let open = quote {
        if character == open {
          quote = nil
        } else if open == "\"", character == "\\", let next = characters.next() {
          if !["\"", "\\", "$", "`", "\n"].contains(next) { word.append(character) }
          if next != "\n" { word.append(next) }
        } else {
          word.append(character)
        }
        continue
      }
      switch character {
      case "'", "\"":
        quote = character
        isInWord = true
      case "\\":
        guard let next = characters.next() else { return nil }
        if next != "\n" {
          word.append(next)
          isInWord = true
        }
      case " ", "\t", "\n", "\r\n":
        if isInWord { words.append(word) }
        word = ""
        isInWord = false
      default:
        word.append(character)
        isInWord = true
      }
    }
    guard quote == nil else { return nil }
    return isInWord ? words + [word] : words
  }
}
