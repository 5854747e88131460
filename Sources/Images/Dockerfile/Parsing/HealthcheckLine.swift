import Model

/// `HEALTHCHECK NONE` and `HEALTHCHECK [options] CMD …`.
enum HealthcheckLine {
  static func parse(_ line: InstructionLine) throws -> Healthcheck {
    let durations = ["interval", "timeout", "start-period", "start-interval"]
    let flags = try FlagValues(line.flags, of: .healthcheck, single: durations + ["retries"])
    let word = line.rest.scalars.prefix { !$0.isSpace }
    let arguments = line.rest[word.count..<line.rest.count].trimmed
    switch String(word).uppercased() {
    case "": throw line.missing("CMD or NONE: HEALTHCHECK requires at least one argument")
    case "NONE":
      guard arguments.isEmpty else {
        throw PlatformError.syntax(line.word(arguments).position, "HEALTHCHECK NONE takes no arguments")
      }
      return Healthcheck(command: nil, interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0)
    case "CMD":
      let list = try StringList.read(arguments, at: line.word(arguments).position)
      guard !arguments.isEmpty, list != [] else {
        throw line.missing("a command: Missing command after HEALTHCHECK CMD")
      }
      return Healthcheck(
        command: list.map(CommandLine.exec) ?? .shell(arguments.text), interval: try duration(flags, "interval"),
        timeout: try duration(flags, "timeout"), startPeriod: try duration(flags, "start-period"),
        startInterval: try duration(flags, "start-interval"), retries: try retries(flags.word("retries")))
    default:
      throw PlatformError.syntax(
        line.word(line.rest).position, "Unknown type '\(String(word).prefix(60))' in HEALTHCHECK, expected CMD or NONE")
    }
  }

  private static func retries(_ word: Word?) throws -> Int {
    guard let word, !word.text.isEmpty else { return 0 }
    guard let retries = Int32(word.text), retries >= 0 else {
      throw PlatformError.syntax(word.position, "expected a number for --retries, found '\(word.text.prefix(60))'")
    }
    return Int(retries)
  }

  private static func duration(_ flags: FlagValues, _ name: String) throws -> Int64 {
    guard let word = flags.word(name), !word.text.isEmpty else { return 0 }
    guard let value = GoDuration.nanoseconds(word.text), value >= 0 else {
      throw PlatformError.syntax(
        word.position, "expected a duration like 1m30s for --\(name), found '\(word.text.prefix(60))'")
    }
    guard value == 0 || value >= 1_000_000 else {
      throw PlatformError.syntax(word.position, "--\(name) cannot be less than 1ms, found '\(word.text.prefix(60))'")
    }
    return value
  }
}

/// Go's durations: `1h2m3s`, `1.5s`, `300ms`, `0`.
enum GoDuration {
  private static let units: [String: Double] = [
    "ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
  ]

  /// Nil for anything else.
  static func nanoseconds(_ text: String) -> Int64? {
    let isNegative = text.hasPrefix("-")
    var rest = isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]
    if rest == "0" { return 0 }
    var total = 0.0
    repeat {
      let digits = rest.prefix { $0 == "." || ("0"..."9").contains($0) }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0 != "." && !("0"..."9").contains($0) }
      rest = rest.dropFirst(unit.count)
      let padded = (digits.hasPrefix(".") ? "0" : "") + digits + (digits.hasSuffix(".") ? "0" : "")
      guard digits.count > (digits.contains(".") ? 1 : 0), let number = Double(padded), let factor = units[String(unit)]
      else { return nil }
      total += number * factor
    } while !rest.isEmpty
    guard total < 9e18 else { return nil }
    return Int64(isNegative ? -total : total)
  }
}
