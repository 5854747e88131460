import HTTPServing
import KubeMachinery
import Testing

@testable import KubernetesAPI

@Suite struct PodStreamTests {
  @Test(
    "how commands end is told as kubectl reads it",
    arguments: [
      (#"{"exitCode":0}"#, "Success", nil, nil), ("{}", "Success", nil, nil),
      (#"{"exitCode":3}"#, "Failure", "NonZeroExitCode", "3"),
      (#"{"error":"no such file"}"#, "Failure", "InternalError", nil),
      ("nonsense", "Failure", "InternalError", nil), (#"{"exitCode":"3"}"#, "Failure", "InternalError", nil),
      ("[]", "Failure", "InternalError", nil), (#"{"code":3}"#, "Failure", "InternalError", nil),
    ] as [(String, String, String?, String?)])
  func ends(_ frame: String, _ status: String, _ reason: String?, _ code: String?) {
    let document = CommandStatus.document(Array(frame.utf8))
    #expect(document["status"]?.text == status && document["reason"]?.text == reason)
    #expect(document.at("details", "causes")?.items.first?["message"]?.text == code)
  }
}
