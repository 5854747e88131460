import HTTPServing
import KubeMachinery
import Testing

@testable import KubeControllers

struct DeploymentTests {
  static func template(_ image: String, hash: String? = nil) -> JSONValue {
    var template: JSONValue = [
      "metadata": ["labels": ["app": "a"]], "spec": ["containers": [["name": "c", "image": .string(image)]]],
    ]
    if let hash { template["metadata"]?["labels"]?["pod-template-hash"] = .string(hash) }
    return template
  }

  static func deployment(
    _ replicas: Int64, image: String = "new", surge: JSONValue = 1, unavailable: JSONValue = 0,
    _ change: (inout JSONValue) -> Void = { _ in }
  ) throws -> ClusterObject {
    var document: JSONValue = [
      "metadata": ["generation": 1, "annotations": ["deployment.kubernetes.io/revision": "2"]],
      "spec": [
        "replicas": .integer(replicas), "selector": ["matchLabels": ["app": "a"]], "template": template(image),
        "strategy": [
          "type": "RollingUpdate", "rollingUpdate": ["maxSurge": surge, "maxUnavailable": unavailable],
        ], "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
      ], "status": [:],
    ]
    change(&document)
    return try Sample.object("deployment", "d", document.encodedText)
  }

  /// A set of `d`, with as many pods as it wants, all available, unless it is said otherwise.
  static func set(
    _ image: String, _ replicas: Int64, revision: Int64, available: Int64? = nil, current: Int64? = nil,
    desired: Int64? = nil, maximum: Int64? = nil, ageSeconds: Int64 = 0, _ change: (inout JSONValue) -> Void = { _ in }
  ) throws -> ClusterObject {
    var annotations: JSONValue = ["deployment.kubernetes.io/revision": .string(String(revision))]
    if let desired { annotations["deployment.kubernetes.io/desired-replicas"] = .string(String(desired)) }
    if let maximum { annotations["deployment.kubernetes.io/max-replicas"] = .string(String(maximum)) }
    let available = available ?? replicas
    var document: JSONValue = [
      "metadata": [
        "labels": ["app": "a", "pod-template-hash": .string(image)], "annotations": annotations, "generation": 1,
        "creationTimestamp": .string(Sample.start.adding(seconds: -ageSeconds).text),
        "ownerReferences": [
          [
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "uid-d", "controller": true,
            "blockOwnerDeletion": true,
          ]
        ],
      ], "spec": ["replicas": .integer(replicas), "template": template(image, hash: image)],
      "status": [
        "replicas": .integer(current ?? replicas), "readyReplicas": .integer(available),
        "availableReplicas": .integer(available), "observedGeneration": 1,
      ],
    ]
    change(&document)
    return try Sample.object("replicaset", "d-\(image)", document.encodedText)
  }

  private func plan(_ deployment: ClusterObject, _ others: [ClusterObject] = [], at now: Timestamp = Sample.start)
    -> Plan
  {
    Sample.plan(DeploymentController(), deployment, others, at: now)
  }

  /// `d-new=3`: the numbers that sets get.
  private func numbers(_ plan: Plan) -> [String] {
    plan.changes.compactMap { change in
      guard case .patch(let target, let patch) = change.action, let number = patch.at("spec", "replicas")?.integer
      else { return nil }
      return "\(target.key.name)=\(number)"
    }
  }

  @Test(
    "How many may be too many and too few",
    arguments: [
      (10, "25%", "25%", 3, 2), (10, "0%", "0%", 0, 1), (3, "25%", "25%", 1, 0), (1, "0", "50%", 0, 1),
      (10, "4", "3", 4, 3),
      (2, "1", "100%", 1, 2), (0, "25%", "25%", 0, 0), (4, "x", "-1", 0, 1),
      (3, "9223372036854775807%", "0%", 64_424_510, 0), (2_147_483_647, "9223372036854775807%", "0", 2_147_483_647, 0),
      (3, "99999999999999999999%", "0%", 64_424_510, 0), (3, "9223372036854775807", "0", 2_147_483_647, 0),
      (3, "+5%", "%", 0, 1),
    ] as [(Int64, String, String, Int64, Int64)])
  func shares(wanted: Int64, surge: String, unavailable: String, surgeIs: Int64, unavailableIs: Int64) throws {
    func value(_ text: String) -> JSONValue { Int64(text).map { .integer($0) } ?? .string(text) }
    let numbers = RollingNumbers(
      try Self.deployment(wanted, surge: value(surge), unavailable: value(unavailable)))
    #expect(numbers.surge == surgeIs)
    #expect(numbers.unavailable == unavailableIs)
  }

  @Test(
    "What a document says of revisions and numbers is no reason to stop",
    arguments: ["9223372036854775807", "2147483648", "-9223372036854775808", "many"])
  func numbersOfAnySize(_ number: String) throws {
    let revision: JSONValue = ["deployment.kubernetes.io/revision": .string(number)]
    let deployment = try Self.deployment(.max, surge: "9223372036854775807%") {
      $0["metadata"]?["annotations"] = revision
    }
    let old = try Self.set("old", 2_147_483_647, revision: 1, maximum: 1) {
      $0["metadata"]?["annotations"]?["deployment.kubernetes.io/revision"] = .string(number)
    }
    let new = try Self.set("new", 5, revision: 1, maximum: 1) {
      $0["metadata"]?["annotations"]?["deployment.kubernetes.io/revision"] = .string(number)
    }
    #expect(old.deploymentRevision == 0)
    let created = plan(deployment, [old]).changes.compactMap { change -> String? in
      guard case .create(_, let set) = change.action else { return nil }
      return set.meta.annotations["deployment.kubernetes.io/revision"]
    }
    #expect(created == ["1"])
    #expect(!plan(deployment, [old, new]).changes.isEmpty)
  }

  @Test("A first set is made with the hash of its template, the revision and the wanted number")
  func first() throws {
    let deployment = try Self.deployment(3) {
      $0["metadata"]?["annotations"] = [
        "note": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}",
      ]
    }
    let plan = plan(deployment)
    guard case .create(_, let set)? = plan.changes.first?.action else {
      Issue.record("no set is made")
      return
    }
    let hash = set.meta.labels["pod-template-hash"] ?? ""
    #expect(hash.utf8.count >= 5)
    #expect(set.meta.name == "d-\(hash)")
    #expect(set.at("spec", "selector", "matchLabels")?.texts == ["app": "a", "pod-template-hash": hash])
    #expect(set.at("spec", "template", "metadata", "labels")?.texts == ["app": "a", "pod-template-hash": hash])
    #expect(set.at("spec", "replicas") == 3)
    #expect(
      set.meta.annotations == [
        "note": "x", "deployment.kubernetes.io/revision": "1", "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
      ])
    #expect(plan.changes.first?.success?.message == "Scaled up replica set d-\(hash) from 0 to 3")
    #expect(
      plan.deeds.last == #"patch deployments/d {"metadata":{"annotations":{"deployment.kubernetes.io/revision":"1"}}}"#)
    #expect(plan.status?.condition("Progressing")?.at("reason") == "NewReplicaSetCreated")
    #expect(plan.status?.condition("Available")?.at("status") == "False")
  }

  @Test("A template's hash is the same in any order of members, and another where the name was taken")
  func hash() throws {
    let one = try Sample.json(#"{"a":{"b":1,"c":[1,2]},"d":"x"}"#)
    let other = try Sample.json(#"{"d":"x","a":{"c":[1,2],"b":1}}"#)
    #expect(TemplateHash.of(one, collisions: 0) == TemplateHash.of(other, collisions: 0))
    #expect(TemplateHash.of(one, collisions: 0) != TemplateHash.of(one, collisions: 1))
    #expect(TemplateHash.of(try Sample.json(#"{"c":[2,1]}"#), collisions: 0) != TemplateHash.of(one, collisions: 0))
    let deployment = try Self.deployment(1)
    let name = "d-\(TemplateHash.of(Self.template("new"), collisions: 0))"
    let stranger = try Sample.object("replicaset", name, #"{"metadata":{"labels":{"app":"b"}},"spec":{"replicas":0}}"#)
    let taken = plan(deployment, [stranger])
    #expect(taken.deeds == [])
    #expect(taken.status?.at("collisionCount") == 1)
  }

  /// Old and new sets as `pods/available`, and what becomes of them.
  struct Step: Sendable {
    let wanted: Int64
    let surge: Int64
    let unavailable: Int64
    let old: (Int64, Int64)
    let new: (Int64, Int64)
    let becomes: [String]
  }

  static let steps: [Step] = [
    Step(wanted: 10, surge: 2, unavailable: 0, old: (10, 10), new: (0, 0), becomes: ["d-new=2"]),
    Step(wanted: 10, surge: 2, unavailable: 0, old: (10, 10), new: (2, 0), becomes: []),
    Step(wanted: 10, surge: 2, unavailable: 0, old: (10, 10), new: (2, 1), becomes: ["d-old=9"]),
    Step(wanted: 10, surge: 2, unavailable: 0, old: (9, 9), new: (2, 1), becomes: ["d-new=3"]),
    Step(wanted: 10, surge: 0, unavailable: 3, old: (10, 10), new: (0, 0), becomes: ["d-old=7"]),
    Step(wanted: 10, surge: 0, unavailable: 3, old: (7, 7), new: (0, 0), becomes: ["d-new=3"]),
    Step(wanted: 10, surge: 0, unavailable: 3, old: (7, 7), new: (3, 0), becomes: []),
    // What does not run goes first and costs nothing.
    Step(wanted: 10, surge: 0, unavailable: 2, old: (8, 6), new: (2, 2), becomes: ["d-old=6"]),
    Step(wanted: 10, surge: 0, unavailable: 2, old: (8, 0), new: (2, 0), becomes: []),
    Step(wanted: 10, surge: 2, unavailable: 2, old: (10, 2), new: (2, 0), becomes: ["d-old=8"]),
    Step(wanted: 3, surge: 1, unavailable: 0, old: (0, 0), new: (3, 3), becomes: []),
    Step(wanted: 3, surge: 1, unavailable: 0, old: (1, 1), new: (3, 3), becomes: ["d-old=0"]),
  ]

  @Test("Steps of a rolling update", arguments: steps.indices)
  func roll(place: Int) throws {
    let step = Self.steps[place]
    let most = step.wanted + step.surge
    let sets = [
      try Self.set(
        "old", step.old.0, revision: 1, available: step.old.1, desired: step.wanted, maximum: most, ageSeconds: 50),
      try Self.set("new", step.new.0, revision: 2, available: step.new.1, desired: step.wanted, maximum: most),
    ]
    let plan = plan(
      try Self.deployment(step.wanted, surge: .integer(step.surge), unavailable: .integer(step.unavailable)), sets)
    #expect(numbers(plan) == step.becomes)
  }

  @Test("No set grows while another may still have more pods than it is to have")
  func unobserved() throws {
    let sets = [
      try Self.set("old", 9, revision: 1, desired: 10, maximum: 11, ageSeconds: 50) {
        $0["metadata"]?["generation"] = 2
      },
      try Self.set("new", 1, revision: 2, desired: 10, maximum: 11),
    ]
    #expect(numbers(plan(try Self.deployment(10), sets)) == [])
  }

  @Test("A scaled deployment's sets share the difference by their size, also while it is paused")
  func proportion() throws {
    func sets() throws -> [ClusterObject] {
      [
        try Self.set("old", 8, revision: 1, desired: 10, maximum: 13, ageSeconds: 50),
        try Self.set("new", 5, revision: 2, desired: 10, maximum: 13),
      ]
    }
    let grown = plan(try Self.deployment(15, surge: 3, unavailable: 2), try sets())
    #expect(numbers(grown).sorted() == ["d-new=7", "d-old=11"])
    let shrunk = plan(try Self.deployment(5, surge: 3, unavailable: 2), try sets())
    #expect(numbers(shrunk).sorted() == ["d-new=3", "d-old=5"])
    let paused = plan(
      try Self.deployment(15, surge: 3, unavailable: 2) { $0["spec"]?["paused"] = true }, try sets())
    #expect(numbers(paused).sorted() == ["d-new=7", "d-old=11"])
    #expect(paused.status?.condition("Progressing")?.at("reason") == "DeploymentPaused")
    let none = plan(try Self.deployment(0, surge: 3, unavailable: 2), try sets())
    #expect(numbers(none).sorted() == ["d-new=0", "d-old=0"])
  }

  @Test("While it is paused no new set is made; going back to an old template takes its set with a new revision")
  func pauseAndUndo() throws {
    let old = try Self.set("old", 3, revision: 1, desired: 3, maximum: 4)
    let paused = plan(try Self.deployment(3) { $0["spec"]?["paused"] = true }, [old])
    #expect(paused.deeds == [])
    let sets = [
      try Self.set("first", 0, revision: 1, ageSeconds: 50),
      try Self.set("second", 3, revision: 2, desired: 3, maximum: 4),
    ]
    let undone = plan(try Self.deployment(3, image: "first"), sets)
    #expect(
      undone.deeds == [
        #"patch replicasets/d-first {"metadata":{"annotations":{"deployment.kubernetes.io/revision":"3","deployment.kubernetes.io/revision-history":"1"}}}"#,
        #"patch deployments/d {"metadata":{"annotations":{"deployment.kubernetes.io/revision":"3"}}}"#,
      ])
  }

  @Test("Recreate ends all old pods before it makes a new one")
  func recreate() throws {
    let deployment = try Self.deployment(2) { $0["spec"]?["strategy"] = ["type": "Recreate"] }
    let running = try Self.set("old", 2, revision: 1, desired: 2, maximum: 2)
    #expect(numbers(plan(deployment, [running])) == ["d-old=0"])
    let empty = try Self.set("old", 0, revision: 1, desired: 2, maximum: 2)
    let last = try Sample.pod("p") { ($0.owner, $0.isTerminating) = ("d-old", true) }
    #expect(plan(deployment, [empty, last]).deeds == [], "also those that are ending")
    let made = plan(deployment, [empty]).deeds
    #expect(made.first?.hasPrefix("create replicasets/d-") == true)
  }

  @Test("Old sets beyond history go once the rollout is complete, the oldest revision first")
  func history() throws {
    let deployment = try Self.deployment(1) {
      $0["spec"]?["revisionHistoryLimit"] = 1
      $0["metadata"]?["annotations"] = ["deployment.kubernetes.io/revision": "4"]
    }
    let sets = [
      try Self.set("a", 0, revision: 1, ageSeconds: 30), try Self.set("b", 0, revision: 2, ageSeconds: 20),
      try Self.set("c", 0, revision: 3, ageSeconds: 10),
      try Self.set("new", 1, revision: 4, desired: 1, maximum: 2),
    ]
    #expect(plan(deployment, sets).deeds == ["delete replicasets/d-a", "delete replicasets/d-b"])
  }

  @Test("Progress, completion and its deadline")
  func progress() throws {
    func deployment(_ reason: String, ageSeconds: Int64 = 0) throws -> ClusterObject {
      try Self.deployment(2) {
        let moment = JSONValue.string(Sample.start.adding(seconds: -ageSeconds).text)
        $0["status"] = [
          "conditions": [
            [
              "type": "Progressing", "status": "True", "reason": .string(reason), "message": "m",
              "lastUpdateTime": moment, "lastTransitionTime": moment,
            ]
          ]
        ]
      }
    }
    func reason(_ plan: Plan) -> String? { plan.status?.condition("Progressing")?["reason"]?.text }
    func new(_ available: Int64, _ current: Int64 = 2) throws -> [ClusterObject] {
      [try Self.set("new", 2, revision: 2, available: available, current: current, desired: 2, maximum: 3)]
    }
    let complete = plan(try deployment("ReplicaSetUpdated"), try new(2))
    #expect(reason(complete) == "NewReplicaSetAvailable")
    #expect(
      complete.status?.condition("Progressing")?.at("message") == "ReplicaSet \"d-new\" has successfully progressed.")
    #expect(complete.status?.condition("Available")?.at("reason") == "MinimumReplicasAvailable")
    let step = plan(try deployment("NewReplicaSetCreated", ageSeconds: 900), try new(1))
    #expect(reason(step) == "ReplicaSetUpdated", "progress moves the deadline")
    let late = plan(try deployment("NewReplicaSetCreated", ageSeconds: 601), try new(0, 0))
    #expect(reason(late) == "ProgressDeadlineExceeded")
    #expect(late.status?.condition("Progressing")?.at("status") == "False")
    let waiting = plan(try deployment("NewReplicaSetCreated", ageSeconds: 100), try new(0, 0))
    #expect(waiting.lookAgain == Sample.start.adding(seconds: 501))
  }

  @Test("The status sums up what the sets say")
  func status() throws {
    let sets = [
      try Self.set("old", 2, revision: 1, available: 1, desired: 3, maximum: 4, ageSeconds: 9),
      try Self.set("new", 2, revision: 2, available: 0, desired: 3, maximum: 4) {
        $0["status"]?["conditions"] = [
          ["type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "no room"]
        ]
      },
    ]
    let status = plan(try Self.deployment(3), sets).status ?? [:]
    for (field, count) in [
      ("replicas", 4), ("updatedReplicas", 2), ("readyReplicas", 1), ("availableReplicas", 1),
      ("unavailableReplicas", 3),
      ("observedGeneration", 1),
    ] as [(String, Int64)] { #expect(status[field]?.integer == count, "\(field)") }
    #expect(status.condition("ReplicaFailure")?.at("message") == "no room")
  }
}
