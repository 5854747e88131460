/// Metrics on their way into a page of Prometheus's text format, version 0.0.4.
///
/// Families come in the order in which they were first named, each with all of its samples together, as the format wants.
/// Source: prometheus.io, *Exposition formats*.
public struct MetricsText: Sendable {
  /// The media type of a page.
  public static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

  public enum Kind: String, Sendable { case counter, gauge }

  /// Values of labels are cut to this length.
  static let maximumLabelBytes = 512

  private var order: [String] = []
  private var families: [String: [UInt8]] = [:]

  public init() {}

  /// Adds a sample. The first sample of a family decides its kind and help.
  /// - Parameters:
  ///   - name: letters, digits and `_`; counters end with `_total`, units are seconds and bytes.
  ///   - labels: names and values; values may hold anything.
  public mutating func add(
    _ kind: Kind, _ name: String, _ help: StaticString, labels: [(String, String)] = [], _ value: Double
  ) {
    // Taken out, so that it is not copied as it grows.
    var bytes = families.removeValue(forKey: name) ?? Self.head(kind, name, help, &order)
    bytes += name.utf8
    if !labels.isEmpty {
      bytes.append(UInt8(ascii: "{"))
      for (index, label) in labels.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        bytes += label.0.utf8
        bytes += "=\"".utf8
        Self.append(label.1, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
      }
      bytes.append(UInt8(ascii: "}"))
    }
    bytes.append(UInt8(ascii: " "))
    bytes += Self.text(value).utf8
    bytes.append(UInt8(ascii: "\n"))
    families[name] = bytes
  }

  /// The page.
  public var bytes: [UInt8] { order.reduce(into: []) { $0 += families[$1] ?? [] } }

  private static func head(_ kind: Kind, _ name: String, _ help: StaticString, _ order: inout [String]) -> [UInt8] {
    order.append(name)
    return Array("# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n".utf8)
  }

  /// Backslash, quote and line feed are escaped; a cut leaves whole characters.
  private static func append(_ value: String, to bytes: inout [UInt8]) {
    var left = maximumLabelBytes
    for scalar in value.unicodeScalars {
      let length = UTF8.width(scalar)
      guard left >= length else { return }
      left -= length
      switch scalar {
      case "\\": bytes += #"\\"#.utf8
      case "\"": bytes += #"\""#.utf8
      case "\n": bytes += #"\n"#.utf8
      default: bytes += UTF8.encode(scalar).map(Array.init) ?? []
      }
    }
  }

  private static func text(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return Int64(exactly: value).map(String.init) ?? "\(value)"
  }
}
