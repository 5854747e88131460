import HTTPServing
import Testing

@testable import KubeMachinery

@Suite struct ObjectEncoderTests {
  @Test(arguments: [
    ("plain", #""plain""#), ("a\"b\\c", #""a\"b\\c""#), ("\n\r\t\u{8}\u{c}", #""\n\r\t\b\f""#),
    ("\u{1}\u{1f}", #""\u0001\u001f""#), ("<&>", #""<&>""#), ("\u{7f}", "\"\u{7f}\""),
    ("\u{2028}x\u{2029}", #""\u2028x\u2029""#), ("\u{2027}é😀", "\"\u{2027}é😀\""), ("", #""""#),
  ])
  func textIsEscapedAsGoDoesWithoutHTML(_ text: String, _ expected: String) {
    #expect(JSONValue.string(text).encodedText == expected)
  }

  @Test(arguments: [
    (1.0, "1"), (-0.0, "-0"), (0.1, "0.1"), (1.5, "1.5"), (-12.25, "-12.25"), (1e20, "100000000000000000000"),
    (1e21, "1e+21"), (1.25e22, "1.25e+22"), (1e-6, "0.000001"), (1e-7, "1e-7"), (1.5e-9, "1.5e-9"),
    (123456789012345680, "123456789012345680"), (.leastNonzeroMagnitude, "5e-324"),
  ])
  func numbersAreWrittenAsGoDoes(_ number: Double, _ expected: String) {
    #expect(JSONValue.double(number).encodedText == expected)
  }

  @Test func whatIsWrittenReadsBackTheSame() throws {
    let text = #"{"z":[1,-20,{"a":null}],"b":{"x":"\u0001\"é"},"c":[],"d":{},"e":false,"f":0.5}"#
    let value = try JSONParser.parse(Array(text.utf8))
    #expect(value.encodedText == text)
    #expect(try JSONParser.parse(value.encoded()) == value)
  }
}
