import Testing

@testable import CRIService

@Suite struct ProcessStreamTests {
  @Test func textIsQuoted() { #expect(ProcessStream.quoted("a\"b\\\nc\u{1}ü") == #"a\"b\\\nc ü"#) }
}
