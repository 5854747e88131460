/// An amount with a suffix: `500m`, `1.5Gi`, `2e3`. Source: Kubernetes `resource.Quantity`.
///
/// Exact to a billionth; smaller parts round away from zero. Amounts beyond ±(2^63 − 1) count as that.
public struct Quantity: Sendable, Hashable, Comparable {
  enum Form: Sendable { case decimal, binary, exponent }

  public enum Failure: Error, Sendable, Equatable {
    case form, suffix, number

    /// As a Kubernetes server says it.
    public var message: String {
      switch self {
      case .form:
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
      case .suffix: "unable to parse quantity's suffix"
      case .number: "unable to parse numeric part of quantity"
      }
    }
  }

  public let billionths: Int128
  private let form: Form

  static let maxTextBytes = 128
  private static let unit: Int128 = 1_000_000_000
  private static let limit = Int128(Int64.max) * unit
  public static let zero = Quantity(0)

  /// Whole units.
  public init(_ value: Int64) {
    billionths = Int128(value) * Self.unit
    form = .decimal
  }

  /// Billionths of a unit, as rates of processors are told: `137670308n`.
  public init(billionths: Int64) { self.init(Int128(billionths), .decimal) }

  /// Bytes, written with binary suffixes: `560Mi`.
  public init(bytes: Int64) { self.init(Int128(bytes) * Self.unit, .binary) }

  private init(_ billionths: Int128, _ form: Form) {
    self.billionths = billionths
    self.form = form
  }

  /// Written as the first one that is not zero.
  public static func + (one: Quantity, other: Quantity) -> Quantity {
    let sum = one.billionths + other.billionths
    return Quantity(min(max(sum, -limit), limit), one == .zero ? other.form : one.form)
  }

  public static func == (one: Quantity, other: Quantity) -> Bool { one.billionths == other.billionths }
  public static func < (one: Quantity, other: Quantity) -> Bool { one.billionths < other.billionths }
  public func hash(into hasher: inout Hasher) { hasher.combine(billionths) }

  /// Whole units, rounded up.
  public var value: Int64 { Self.roundedUp(billionths, Self.unit) }
  /// Thousandths, rounded up.
  public var milliValue: Int64 { Self.roundedUp(billionths, 1_000_000) }

  private static func roundedUp(_ amount: Int128, _ divisor: Int128) -> Int64 {
    let (quotient, rest) = amount.quotientAndRemainder(dividingBy: divisor)
    return Int64(clamping: rest > 0 ? quotient + 1 : quotient)
  }

  public init(parsing text: some StringProtocol) throws(Failure) {
    let bytes = Array(text.utf8)
    guard !bytes.isEmpty, bytes.count <= Self.maxTextBytes else { throw .form }
    var index = 0
    let isNegative = bytes[0] == UInt8(ascii: "-")
    if isNegative || bytes[0] == UInt8(ascii: "+") { index = 1 }
    var digits: [UInt8] = []
    var fractionDigits: Int?
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "."), fractionDigits == nil {
        fractionDigits = 0
      } else if bytes[index] >= 48, bytes[index] <= 57 {
        digits.append(bytes[index] - 48)
        fractionDigits? += 1
      } else {
        break
      }
      index += 1
    }
    guard !digits.isEmpty else { throw index < bytes.count ? .form : .number }
    let suffix = String(decoding: bytes[index...], as: UTF8.self)
    try self.init(
      digits: digits, fractionDigits: fractionDigits ?? 0, isNegative: isNegative, suffix: suffix)
  }

  private init(digits: [UInt8], fractionDigits: Int, isNegative: Bool, suffix: String) throws(Failure) {
    guard let (form, exponent) = Self.scale(suffix) else {
      throw Self.looksLikeSuffix(suffix) ? .suffix : .form
    }
    var power = -fractionDigits + 9
    var factor: Int128 = 1
    if form == .binary { factor <<= Int128(exponent) } else { power += exponent }
    var amount: Int128 = 0
    var isCapped = false
    for digit in digits {
      amount = amount * 10 + Int128(digit)
      // Digits that an Int128 cannot hold decide between "far too large" and "no longer seen" only.
      if amount > Self.limit * 1_000 {
        isCapped = true
        break
      }
    }
    if isCapped {
      throw .number
    }
    (amount, isCapped) = Self.scaled(amount, factor: factor, power: power)
    if isCapped || amount > Self.limit { amount = Self.limit }
    billionths = isNegative ? -amount : amount
    self.form = form == .binary && amount < Self.unit ? .decimal : form
  }

  private static func scaled(_ amount: Int128, factor: Int128, power: Int) -> (Int128, isCapped: Bool) {
    guard amount != 0 else { return (0, false) }
    var (amount, overflows) = amount.multipliedReportingOverflow(by: factor)
    if overflows { return (0, true) }
    var power = power
    while power > 0 {
      if amount > limit { return (0, true) }
      amount *= 10
      power -= 1
    }
    var hasRest = false
    while power < 0, amount > 0 {
      hasRest = hasRest || amount % 10 != 0
      amount /= 10
      power += 1
    }
    return (hasRest ? amount + 1 : amount, false)
  }

  private static let decimalSuffixes: [(String, Int)] = [
    ("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18),
  ]
  private static let binarySuffixes: [(String, Int)] = [
    ("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60),
  ]

  private static func scale(_ suffix: String) -> (Form, Int)? {
    if let known = decimalSuffixes.first(where: { $0.0 == suffix }) { return (.decimal, known.1) }
    if let known = binarySuffixes.first(where: { $0.0 == suffix }) { return (.binary, known.1) }
    guard suffix.utf8.count > 1, suffix.hasPrefix("e") || suffix.hasPrefix("E"),
      let exponent = Int(suffix.dropFirst()), exponent.magnitude <= 1_000
    else { return nil }
    return (.exponent, exponent)
  }

  /// Letters of suffixes, then a sign, then digits: a suffix nobody knows rather than no quantity at all.
  private static func looksLikeSuffix(_ suffix: String) -> Bool {
    var rest = suffix.drop { "eEinumkKMGTP".contains($0) }
    if rest.first == "+" || rest.first == "-" { rest = rest.dropFirst() }
    return rest.utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
  }

  /// The canonical form: no fraction, the largest suffix that needs none.
  public var text: String {
    guard billionths != 0 else { return "0" }
    if form == .binary, billionths.magnitude >= Self.unit.magnitude * 1_024, billionths % Self.unit == 0 {
      var amount = billionths / Self.unit
      var steps = 0
      while steps < Self.binarySuffixes.count, amount % 1_024 == 0 {
        amount /= 1_024
        steps += 1
      }
      return "\(amount)\(steps == 0 ? "" : Self.binarySuffixes[steps - 1].0)"
    }
    var amount = billionths
    var steps = 0
    while steps < Self.decimalSuffixes.count - 1, amount % 1_000 == 0 {
      amount /= 1_000
      steps += 1
    }
    let (suffix, exponent) = Self.decimalSuffixes[steps]
    if form == .exponent { return exponent == 0 ? "\(amount)" : "\(amount)e\(exponent)" }
    return "\(amount)\(suffix)"
  }
}
