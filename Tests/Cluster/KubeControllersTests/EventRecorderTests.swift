import HTTPServing
import KubeMachinery
import Testing

@testable import KubeControllers

struct EventRecorderTests {
  private func announcement(_ message: String, _ pod: String = "p") throws -> Announcement {
    Announcement(try Sample.pod(pod), .warning, "Failed", message)
  }

  @Test("The same again is counted, not written anew")
  func counts() throws {
    var recorder = EventRecorder(serial: 16)
    let first = recorder.record(try announcement("m"), from: "c", at: Sample.start)
    guard case .create(let event)? = first else {
      Issue.record("no event is made")
      return
    }
    #expect(event.meta.name == "p.11")
    #expect(event.meta.namespace == "n")
    #expect(event["count"] == 1)
    #expect(event.at("involvedObject", "uid") == "uid-p")
    #expect(event.at("source", "component") == "c")
    let later = Sample.start.adding(seconds: 5)
    guard case .count(let key, let patch, let whole)? = recorder.record(try announcement("m"), from: "c", at: later)
    else {
      Issue.record("the event is not counted")
      return
    }
    #expect(key.name == "p.11")
    #expect(patch["count"] == 2)
    #expect(whole["firstTimestamp"]?.text == Sample.start.text)
    #expect(whole["lastTimestamp"]?.text == later.text)
  }

  @Test("Ever new words of one reason are combined, and one object cannot write without end")
  func bounds() throws {
    var recorder = EventRecorder(serial: 0)
    var created = 0
    var combined = 0
    var dropped = 0
    for number in 0..<40 {
      switch recorder.record(try announcement("m\(number)"), from: "c", at: Sample.start) {
      case .create: created += 1
      case .count(_, let patch, _):
        #expect(patch["message"]?.text?.hasPrefix("(combined from similar events): ") == true)
        combined += 1
      case nil: dropped += 1
      }
    }
    #expect(created == 11, "ten, and the one that the others are combined in")
    #expect(combined == 14)
    #expect(dropped == 15, "25 at once")
    #expect(recorder.record(try announcement("m", "other"), from: "c", at: Sample.start) != nil)
    #expect(recorder.record(try announcement("m50"), from: "c", at: Sample.start.adding(seconds: 299)) == nil)
    #expect(recorder.record(try announcement("m51"), from: "c", at: Sample.start.adding(seconds: 301)) != nil)
  }

  @Test("What is remembered is bounded")
  func memory() throws {
    var recorder = EventRecorder(memory: 10, serial: 0)
    for number in 0..<1_000 { _ = recorder.record(try announcement("m", "p\(number)"), from: "c", at: Sample.start) }
    guard case .create? = recorder.record(try announcement("m", "p0"), from: "c", at: Sample.start) else {
      Issue.record("the first is forgotten and made anew")
      return
    }
  }

  @Test("An object without a namespace has its events in default")
  func clusterScoped() throws {
    var recorder = EventRecorder(serial: 0)
    let node = Announcement(
      try Sample.object("node", "x"), .normal, "NodeNotReady", String(repeating: "m", count: 5_000))
    guard case .create(let event)? = recorder.record(node, from: "c", at: Sample.start) else {
      Issue.record("no event is made")
      return
    }
    #expect(event.meta.namespace == "default")
    #expect(event["message"]?.text?.utf8.count == 1_024)
  }
}
