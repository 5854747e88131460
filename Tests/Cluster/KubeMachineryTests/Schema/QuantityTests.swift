import KubeMachinery
import Testing

struct QuantityTests {
  @Test(arguments: [
    ("0", "0"), ("1", "1"), ("1000m", "1"), ("0.5", "500m"), ("1500m", "1500m"), ("1.5Gi", "1536Mi"), ("1024Mi", "1Gi"),
    ("1025Ki", "1025Ki"), ("512Ki", "512Ki"), ("1000", "1k"), ("1e3", "1e3"), ("12e2", "1200"), ("1E", "1E"),
    ("-1", "-1"),
    ("+5", "5"), ("100u", "100u"), ("0.1n", "1n"), ("0.5Ki", "512"), ("1.", "1"), (".5", "500m"),
    ("128974848", "128974848"),
    ("9223372036854775808", "9223372036854775807"),
  ])
  func isWrittenCanonically(_ text: String, _ expected: String) throws {
    let quantity = try Quantity(parsing: text)
    #expect(quantity.text == expected)
    #expect(try Quantity(parsing: quantity.text) == quantity, "the canonical form is the same amount")
  }

  @Test(arguments: [
    ("", Quantity.Failure.form), ("abc", .form), ("1.2.3", .form), ("1 Gi", .form), ("5Kim", .suffix), ("1KK", .suffix),
    ("1ki", .suffix), ("1e", .suffix), ("-", .number), (String(repeating: "9", count: 129), .form),
  ])
  func isRefused(_ text: String, _ failure: Quantity.Failure) {
    #expect(throws: failure) { try Quantity(parsing: text) }
  }

  @Test(arguments: [("1.5", Int64(2), Int64(1_500)), ("100m", 1, 100), ("2Ki", 2_048, 2_048_000), ("-1.5", -1, -1_500)])
  func isRoundedUp(_ text: String, _ value: Int64, _ milliValue: Int64) throws {
    let quantity = try Quantity(parsing: text)
    #expect(quantity.value == value)
    #expect(quantity.milliValue == milliValue)
  }

  @Test(arguments: [
    ("1500m", "500m", "2"), ("0", "512Mi", "512Mi"), ("1Gi", "1", "1073741825"), ("137n", "1", "1000000137n"),
    ("9223372036854775807", "1", "9223372036854775807"), ("1", "-1", "0"),
  ])
  func isAdded(_ one: String, _ other: String, _ sum: String) throws {
    #expect(try (Quantity(parsing: one) + Quantity(parsing: other)).text == sum)
  }

  @Test func ofRatesAndBytes() {
    #expect(Quantity(billionths: 137_670_308).text == "137670308n")
    #expect(Quantity(billionths: 250_000_000).text == "250m")
    #expect(Quantity(bytes: 574_902_272).text == "561428Ki")
    #expect(Quantity(bytes: 1 << 30).text == "1Gi")
    #expect(Quantity(bytes: 0).text == "0")
  }

  @Test func isCompared() throws {
    #expect(try Quantity(parsing: "1Gi") > Quantity(parsing: "1G"))
    #expect(try Quantity(parsing: "1") == Quantity(parsing: "1000m"))
  }
}
