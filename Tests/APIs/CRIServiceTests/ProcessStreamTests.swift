import Testing

@testable import CRIService

@Suite struct ProcessStreamTests {
  @Test func anEndWithoutACodeIsNoSuccess() {
    #expect(ProcessStream.outcome(of: 3) == #"{"exitCode":3}"#)
    #expect(ProcessStream.outcome(of: nil).contains("error"))
  }

  @Test func textIsQuoted() { #expect(ProcessStream.quoted("a\"b\\\nc\u{1}ü") == #"a\"b\\\nc ü"#) }
}
