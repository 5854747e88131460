import Model
import Testing

@Suite struct ClampedArithmeticTests {
  private static let sums: [(Int64, Int64, Int64)] = [
    (1, 2, 3), (.max, 1, .max), (.max, .max, .max), (.min, -1, .min), (.min, .min, .min), (.min, .max, -1),
  ]

  @Test(arguments: sums)
  func adds(_ left: Int64, _ right: Int64, _ sum: Int64) {
    #expect(left.clampedAdding(right) == sum)
    #expect(right.clampedAdding(left) == sum)
  }

  private static let differences: [(Int64, Int64, Int64)] = [
    (3, 2, 1), (.min, 1, .min), (.max, -1, .max), (0, .min, .max), (-1, .min, .max), (.min, .max, .min),
    (.min, .min, 0),
  ]

  @Test(arguments: differences)
  func subtracts(_ left: Int64, _ right: Int64, _ difference: Int64) {
    #expect(left.clampedSubtracting(right) == difference)
  }

  private static let products: [(Int64, Int64, Int64)] = [
    (3, -2, -6), (.max, 2, .max), (.min, 2, .min), (.min, -1, .max), (.max, .min, .min), (.min, .min, .max),
    (.min, 0, 0), (.min, 1, .min),
  ]

  @Test(arguments: products)
  func multiplies(_ left: Int64, _ right: Int64, _ product: Int64) {
    #expect(left.clampedMultiplied(by: right) == product)
    #expect(right.clampedMultiplied(by: left) == product)
  }

  @Test func holdsForUnsignedNumbers() {
    #expect(UInt64.max.clampedAdding(1) == .max)
    #expect(UInt64(1).clampedSubtracting(2) == 0)
    #expect(UInt64.max.clampedMultiplied(by: 2) == .max)
  }
}
