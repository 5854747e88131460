import NIOCore

/// The header `grpc-timeout`: up to eight digits and a unit. Source: gRPC over HTTP/2, "Timeout".
enum GRPCTimeout {
  /// The time a header's value stands for; nil where it is not one. Times beyond a hundred days are taken as that.
  static func parse(_ text: String) -> TimeAmount? {
    guard let unit = text.utf8.last, (2...9).contains(text.utf8.count) else { return nil }
    let digits = text.utf8.dropLast()
    guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let amount = Int64(String(text.dropLast()))
    else { return nil }
    let scale: Int64
    switch unit {
    case UInt8(ascii: "n"): scale = 1
    case UInt8(ascii: "u"): scale = 1000
    case UInt8(ascii: "m"): scale = 1_000_000
    case UInt8(ascii: "S"): scale = 1_000_000_000
    case UInt8(ascii: "M"): scale = 60_000_000_000
    case UInt8(ascii: "H"): scale = 3_600_000_000_000
    default: return nil
    }
    let longest: Int64 = 100 * 24 * 3_600_000_000_000
    let (product, overflow) = amount.multipliedReportingOverflow(by: scale)
    return .nanoseconds(overflow ? longest : min(product, longest))
  }

  /// The header's value for a time, rounded up to milliseconds (to seconds, where that has too many digits).
  static func format(_ time: TimeAmount) -> String {
    let milliseconds = max(0, (time.nanoseconds + 999_999) / 1_000_000)
    if milliseconds < 100_000_000 { return "\(milliseconds)m" }
    return "\(min(99_999_999, (milliseconds + 999) / 1000))S"
  }
}
