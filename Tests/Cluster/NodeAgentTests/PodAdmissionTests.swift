import HTTPServing
import KubeMachinery
import Testing

@testable import NodeAgent

struct PodAdmissionTests {
  private static let uid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

  private static func pod(_ spec: String = "{}", status: String = "{}", meta: String = "{}") -> PodDocument {
    var document = Sample.pod(spec, status: status).document
    document["metadata"]?["uid"] = .string(uid)
    for (name, value) in Sample.json(meta).members { document["metadata"]?[name] = value }
    return PodDocument(document)
  }

  @Test(
    "No name of a pod leads out of its folder",
    arguments: [
      ("{}", "{}", true), ("{}", #"{"uid":"3F2504E0-4F89-41D3-9A0C-0305E82C3301"}"#, true),
      ("{}", #"{"uid":"../../../../etc"}"#, false), ("{}", #"{"uid":""}"#, false), ("{}", #"{"uid":"u1"}"#, false),
      ("{}", #"{"uid":"3f2504e0-4f89-41d3-9a0c-0305e82c330g"}"#, false),
      ("{}", #"{"uid":"3f2504e0-4f89-41d3-9a0c-0305e82c3301/.."}"#, false),
      ("{}", #"{"name":"a.b"}"#, true), ("{}", #"{"name":"a/b"}"#, false), ("{}", #"{"namespace":"a.b"}"#, false),
      ("{}", #"{"namespace":".."}"#, false), ("{}", #"{"name":""}"#, false),
      (#"{"volumes":[{"name":"a-1"}]}"#, "{}", true), (#"{"volumes":[{"name":"../cm"}]}"#, "{}", false),
      (#"{"volumes":[{"name":".."}]}"#, "{}", false), (#"{"containers":[{"name":"../c"}]}"#, "{}", false),
      (#"{"initContainers":[{"name":"/"}]}"#, "{}", false), (#"{"ephemeralContainers":[{"name":"A"}]}"#, "{}", false),
    ])
  func names(_ spec: String, _ meta: String, _ isTaken: Bool) {
    #expect((PodAdmission.problem(Self.pod(spec, meta: meta)) == nil) == isTaken)
  }

  @Test("One name is no way out")
  func components() {
    #expect(PodAdmission.isName("uid-x") && !PodAdmission.isName("") && !PodAdmission.isName(".."))
    #expect(!PodAdmission.isName(".") && !PodAdmission.isName("a/b") && !PodAdmission.isName("a\0b"))
  }

  @Test(
    "What is more than the node's pods is refused, and nothing that has begun",
    arguments: [
      ("{}", "{}", 2, nil), ("{}", "{}", 3, "used: 3, capacity: 3"), ("{}", "{}", 4, "used: 4, capacity: 3"),
      (#"{"startTime":"2027-01-15T07:00:00Z"}"#, "{}", 3, nil), (#"{"phase":"Failed"}"#, "{}", 3, nil),
      ("{}", #"{"deletionTimestamp":"2027-01-15T07:00:00Z"}"#, 3, nil),
    ] as [(String, String, Int, String?)])
  func capacity(_ status: String, _ meta: String, _ used: Int, _ numbers: String?) {
    let refusal = PodAdmission.refusal(Self.pod(status: status, meta: meta), used: used, capacity: 3)
    #expect(
      refusal
        == numbers.map {
          PodAdmission.Refusal(
            reason: "OutOfpods", message: "Node didn't have enough resource: pods, requested: 1, \($0)")
        })
  }

  @Test("Those that have begun come first, then the older")
  func order() {
    let old = Self.pod(meta: #"{"name":"old","creationTimestamp":"2027-01-15T06:00:00Z"}"#)
    let young = Self.pod(meta: #"{"name":"young","creationTimestamp":"2027-01-15T07:00:00Z"}"#)
    let begun = Self.pod(
      status: #"{"startTime":"2027-01-15T09:00:00Z"}"#,
      meta: #"{"name":"begun","creationTimestamp":"2027-01-15T08:00:00Z"}"#)
    let order = [young, begun, old].sorted(by: PodAdmission.comesFirst).map(\.identity.name)
    #expect(order == ["begun", "old", "young"])
  }
}
