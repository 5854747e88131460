/// Arithmetic on numbers from outside: a result that does not fit becomes the nearest one that does, where `+`, `-` and
/// `*` would end the program.
extension FixedWidthInteger {
  public func clampedAdding(_ other: Self) -> Self {
    let (sum, overflow) = addingReportingOverflow(other)
    if !overflow { return sum }
    return other < 0 ? .min : .max
  }

  public func clampedSubtracting(_ other: Self) -> Self {
    let (difference, overflow) = subtractingReportingOverflow(other)
    if !overflow { return difference }
    return Self.isSigned && other < 0 ? .max : .min
  }

  public func clampedMultiplied(by other: Self) -> Self {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    if !overflow { return product }
    return (self < 0) == (other < 0) ? .max : .min
  }
}
