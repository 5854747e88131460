import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubeControllers

struct GarbageTests {
  static func owner(_ name: String, _ finalizer: String? = nil, terminating: Bool = false) throws -> ClusterObject {
    var metadata = [#""uid":"uid-\#(name)""#]
    if terminating { metadata.append(#""deletionTimestamp":"2026-01-01T00:00:00Z""#) }
    if let finalizer { metadata.append(#""finalizers":["\#(finalizer)","other/one"]"#) }
    return try Sample.object("replicaset", name, "{\"metadata\":{\(metadata.joined(separator: ","))}}")
  }

  static func dependent(_ name: String, _ owners: [(String, Bool)], _ more: String = "") throws -> ClusterObject {
    let references = owners.map { owner, blocks in
      #"{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"\#(owner)","uid":"uid-\#(owner)","blockOwnerDeletion":\#(blocks)}"#
    }
    return try Sample.object(
      "pod", name, #"{"metadata":{"ownerReferences":[\#(references.joined(separator: ","))]\#(more)}}"#)
  }

  private func plan(_ object: ClusterObject, _ others: [ClusterObject] = []) -> [String] {
    Sample.plan(GarbageCollector(catalog: .all), object, others).lines
  }

  @Test("What has an owner stays, what has lost the last one goes, and a lost one of several is struck")
  func background() throws {
    let one = try Self.dependent("p", [("rs", true)])
    #expect(plan(one, [try Self.owner("rs")]) == [])
    #expect(plan(one) == ["delete pods/p"])
    let another = try Sample.object("replicaset", "rs", #"{"metadata":{"uid":"new"}}"#)
    #expect(plan(one, [another]) == ["delete pods/p"], "an owner of the same name is another")
    let two = try Self.dependent("p", [("rs", true), ("gone", true)])
    #expect(
      plan(two, [try Self.owner("rs")]) == [
        #"patch pods/p {"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs","uid":"uid-rs","blockOwnerDeletion":true}]}}"#
      ])
    #expect(plan(try Sample.pod("p") { $0.owner = nil }) == [])
    #expect(plan(try Self.dependent("p", [("rs", true)], #","deletionTimestamp":"2026-01-01T00:00:00Z""#)) == [])
    #expect(
      plan(try Self.dependent("p", [("rs", true)], #","finalizers":["foregroundDeletion"]"#)) == [
        "delete pods/p Foreground"
      ])
  }

  @Test("Owners of kinds that nobody knows, or at places where no owner can be, are taken to be there")
  func unknown() throws {
    let strange = try Sample.object(
      "pod", "p", #"{"metadata":{"ownerReferences":[{"apiVersion":"x.io/v1","kind":"Thing","name":"t","uid":"u"}]}}"#)
    #expect(plan(strange) == [])
    let outside = try Sample.object(
      "node", "x", #"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"t","uid":"u"}]}}"#)
    #expect(plan(outside) == [])
  }

  @Test("Orphans lose their owner first, then it may go")
  func orphan() throws {
    let owner = try Self.owner("rs", "orphan", terminating: true)
    let pod = try Self.dependent("p", [("rs", true)])
    #expect(plan(owner, [pod]) == [#"patch pods/p {"metadata":{"ownerReferences":null}}"#])
    #expect(plan(owner) == [#"patch replicasets/rs {"metadata":{"finalizers":["other/one"]}}"#])
    #expect(plan(pod, [owner]) == [], "nobody deletes them meanwhile")
  }

  @Test("In the foreground dependents go first, those that block alone are waited for")
  func foreground() throws {
    let owner = try Self.owner("rs", "foregroundDeletion", terminating: true)
    let blocking = try Self.dependent("p", [("rs", true)])
    let loose = try Self.dependent("q", [("rs", false)])
    #expect(plan(owner, [blocking, loose]) == [])
    #expect(plan(blocking, [owner, loose]) == ["delete pods/p"])
    #expect(plan(loose, [owner, blocking]) == ["delete pods/q"])
    #expect(plan(owner, [loose]) == [#"patch replicasets/rs {"metadata":{"finalizers":["other/one"]}}"#])
    let other = try Self.owner("other")
    let shared = try Self.dependent("p", [("rs", true), ("other", true)])
    #expect(
      plan(shared, [owner, other]) == [
        #"patch pods/p {"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"other","uid":"uid-other","blockOwnerDeletion":true}]}}"#
      ])
  }

  @Test("A dependent that owns others goes in the foreground, too; a circle does not wait for itself")
  func chain() throws {
    let top = try Self.owner("top", "foregroundDeletion", terminating: true)
    let middle = try Sample.object(
      "replicaset", "middle",
      #"{"metadata":{"uid":"uid-middle","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"top","uid":"uid-top","blockOwnerDeletion":true}]}}"#
    )
    let pod = try Self.dependent("p", [("middle", true)])
    #expect(plan(middle, [top, pod]) == ["delete replicasets/middle Foreground"])
    let circle = try Sample.object(
      "replicaset", "p2",
      #"{"metadata":{"uid":"uid-p2","deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["foregroundDeletion"],"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"middle","uid":"uid-middle","blockOwnerDeletion":true}]}}"#
    )
    #expect(plan(middle, [top, circle]).first?.contains("blockOwnerDeletion") == false)
  }

  @Test("An owner that the index does not hold is asked for")
  func asks() throws {
    let collector = GarbageCollector(catalog: .all)
    let pod = try Sample.object(
      "pod", "p", #"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"m","uid":"uid-m"}]}}"#
    )
    let key = ObjectKey(ResourceName(group: "", resource: "configmaps"), namespace: "n", name: "m")
    let question = Question.object(key)
    #expect(collector.questions(for: pod.key, in: Sample.index([pod]), at: Sample.start) == [question])
    let map = try Sample.object("configmap", "m")
    #expect(Sample.plan(collector, pod, answers: [question: [map]]).isEmpty)
    #expect(Sample.plan(collector, pod, answers: [question: []]).lines == ["delete pods/p"])
  }
}
