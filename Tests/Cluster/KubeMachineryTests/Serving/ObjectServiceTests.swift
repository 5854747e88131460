import HTTPServing
import Testing

@testable import KubeMachinery

@Suite struct ObjectServiceTests {
  @Test func aNewObjectGetsWhatTheServerDecides() async throws {
    let fixture = try await ServiceFixture()
    let made = try await fixture.create(
      widget(
        "a", spec: ["color": "red"],
        metadata: ["uid": "mine", "creationTimestamp": "2000-01-01T00:00:00Z", "generation": 7, "labels": ["x": "y"]]))
    #expect(made.kind == "Widget" && made.apiVersion == "test.example/v1")
    #expect(made.meta.namespace == "default" && made.meta.uid.utf8.count == 36 && made.meta.generation == 1)
    #expect(made.meta.creationTimestamp == "2027-01-15T08:00:00Z")
    #expect(made.meta.resourceVersion == String(fixture.store.revision))
    #expect(made["spec"]?.means(["color": "red", "size": 1]) == true)
    #expect(try await fixture.get("a") == made)
  }

  @Test func namesAreGenerated() async throws {
    let fixture = try await ServiceFixture()
    let made = try await fixture.create(widget("", metadata: ["generateName": "w-"]))
    #expect(made.meta.name.hasPrefix("w-") && made.meta.name.utf8.count == 7)
  }

  @Test func whatIsWrongWithANewObjectIsTold() async throws {
    let fixture = try await ServiceFixture()
    try await fixture.create(widget("there"))
    var strict = WriteOptions()
    strict.fieldValidation = .strict
    let cases: [(JSONValue, String, WriteOptions, Int, String)] = [
      (
        widget(""), "default", WriteOptions(), 422,
        "Widget.test.example \"\" is invalid: metadata.name: Required value: name or generateName is required"
      ),
      (widget("there"), "default", WriteOptions(), 409, "widgets.test.example \"there\" already exists"),
      (widget("a"), "nonsuch", WriteOptions(), 404, "namespaces \"nonsuch\" not found"),
      (
        widget("a", metadata: ["namespace": "other"]), "default", WriteOptions(), 400,
        "the namespace of the provided object does not match the namespace sent on the request"
      ),
      (
        widget("a", spec: ["color": "bad"]), "default", WriteOptions(), 422,
        "Widget.test.example \"a\" is invalid: spec.color: Invalid value: \"bad\": is bad"
      ),
      (
        widget("a", spec: ["foo": 1]), "default", strict, 400,
        "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \"spec.foo\""
      ),
      (
        ["apiVersion": "v1", "metadata": ["name": "a"]], "default", WriteOptions(), 400,
        "the API version in the data (v1) does not match the expected API version (test.example/v1)"
      ),
      (
        widget("a", metadata: ["resourceVersion": "3"]), "default", WriteOptions(), 500,
        "resourceVersion should not be set on objects to be created"
      ),
      ([1], "default", WriteOptions(), 400, "the request's body is a list, expected an object of the kind Widget"),
    ]
    let before = fixture.store.revision
    for (body, namespace, options, code, message) in cases {
      let error = await refused { try await fixture.create(body, in: namespace, options) }
      #expect(error?.code == code && error?.message == message)
    }
    #expect(fixture.store.revision == before)
  }

  @Test func unknownFieldsAreToldAndLeftOut() async throws {
    let fixture = try await ServiceFixture()
    let result = try await fixture.service.create(
      ServiceFixture.widgets, in: "default", widget("a", spec: ["foo": 1]), WriteOptions(), at: fixture.now)
    #expect(result.warnings == ["unknown field \"spec.foo\""])
    #expect(try await fixture.get("a").at("spec", "foo") == nil)
  }

  @Test func nothingComesIntoANamespaceThatEnds() async throws {
    let fixture = try await ServiceFixture()
    let namespace = ServiceFixture.namespaces
    _ = try await fixture.service.patch(
      namespace, in: "", "other", .whole, .merge, ["status": ["phase": "Terminating"]], WriteOptions(), at: fixture.now)
    let error = await refused { try await fixture.create(widget("a"), in: "other") }
    #expect(error?.code == 403 && error?.details?.causes.first?.reason == "NamespaceTerminating")
    #expect(
      error?.message
        == "widgets.test.example \"a\" is forbidden: unable to create new content in namespace other because it is being terminated"
    )
  }

  @Test func updatesHeedTheRevision() async throws {
    let fixture = try await ServiceFixture()
    let made = try await fixture.create(widget("a", spec: ["size": 1]))
    var body = made
    body[path: ["spec", "size"]] = 2
    let changed = try await fixture.update(body)
    #expect(changed.meta.generation == 2 && changed.at("spec", "size")?.integer == 2)
    #expect(changed.meta.uid == made.meta.uid && changed.meta.creationTimestamp == made.meta.creationTimestamp)
    let error = await refused { try await fixture.update(body) }
    #expect(
      error
        == .conflict(
          ServiceFixture.widgets.resource, "a",
          "the object has been modified; please apply your changes to the latest version and try again"))
    // Without a revision the client wants to win.
    body.meta.resourceVersion = ""
    body[path: ["spec", "size"]] = 3
    #expect(try await fixture.update(body).meta.generation == 3)
    // What says nothing new changes nothing.
    let before = fixture.store.revision
    #expect(try await fixture.update(body).meta.generation == 3)
    #expect(fixture.store.revision == before)
    body.meta.uid = "other"
    #expect(await refused { try await fixture.update(body) }?.code == 409)
    #expect(
      await refused { try await fixture.update(widget("b"), "a") }?.message
        == "the name of the object (b) does not match the name on the URL (a)")
    #expect(
      await refused { try await fixture.update(widget("b"), "b") }?.message == "widgets.test.example \"b\" not found")
  }

  @Test func statusAndTheRestAreWrittenApart() async throws {
    let fixture = try await ServiceFixture()
    var body = try await fixture.create(["metadata": ["name": "a"], "spec": ["size": 1], "status": ["phase": "Mine"]])
    #expect(body.at("status", "phase") == nil)
    body["status"] = ["phase": "Ready"]
    body[path: ["spec", "size"]] = 9
    let status = try await fixture.update(body, "a", .status)
    #expect(status.at("status", "phase")?.text == "Ready" && status.at("spec", "size")?.integer == 1)
    #expect(status.meta.generation == 1)
    body = status
    body["status"] = ["phase": "Other"]
    body[path: ["spec", "size"]] = 5
    let whole = try await fixture.update(body)
    #expect(whole.at("status", "phase")?.text == "Ready" && whole.at("spec", "size")?.integer == 5)
  }

  @Test func dryRunsChangeNothing() async throws {
    let fixture = try await ServiceFixture()
    var dry = WriteOptions()
    dry.isDryRun = true
    let before = fixture.store.revision
    #expect(try await fixture.create(widget("a"), in: "default", dry).meta.uid != "")
    #expect(fixture.store.revision == before)
    try await fixture.create(widget("a"))
    #expect(await refused { try await fixture.create(widget("a"), in: "default", dry) }?.code == 409)
    #expect(try await fixture.update(widget("a", spec: ["size": 4]), "a", .whole, dry).at("spec", "size")?.integer == 4)
    #expect(try await fixture.get("a").at("spec", "size")?.integer == 1)
    var options = DeleteOptions()
    options.isDryRun = true
    _ = try await fixture.delete("a", options)
    #expect(try await fixture.get("a").meta.name == "a")
  }

  @Test func patchesOfEachForm() async throws {
    let fixture = try await ServiceFixture()
    try await fixture.create(widget("a", spec: ["parts": [["name": "x", "weight": 1], ["name": "y", "weight": 2]]]))
    let merged = try await fixture.patch(["metadata": ["labels": ["l": "1"]], "spec": ["size": 3]])
    #expect(merged.meta.labels == ["l": "1"] && merged.at("spec", "size")?.integer == 3)
    let strategic = try await fixture.patch(["spec": ["parts": [["name": "y", "weight": 5]]]], .strategic)
    #expect(strategic.at("spec", "parts")?.items.map { $0["weight"]?.integer } == [1, 5])
    let operations: JSONValue = [
      ["op": "remove", "path": "/spec/parts/0"], ["op": "test", "path": "/spec/size", "value": 3],
    ]
    #expect(try await fixture.patch(operations, .json).at("spec", "parts")?.items.count == 1)
    #expect(await refused { try await fixture.patch(operations, .json) } == nil)
    #expect(await refused { try await fixture.patch(operations, .json) }?.code == 422)
    #expect(await refused { try await fixture.patch(["spec": ["color": "bad"]]) }?.code == 422)
    #expect(await refused { try await fixture.patch(["metadata": ["name": "b"]]) }?.code == 400)
    #expect(
      await refused { try await fixture.patch(["metadata": ["resourceVersion": "1"], "spec": ["size": 8]]) }?.code
        == 409)
    #expect(await refused { try await fixture.patch(["spec": ["size": "x"]]) }?.code == 400)
    #expect(await refused { try await fixture.patch(["spec": [:]], .merge, "nothing") }?.code == 404)
  }

  /// Patches say what is to be changed, not what the rest is: side by side they all come through.
  @Test func patchesSideBySideAreAllApplied() async throws {
    let fixture = try await ServiceFixture()
    try await fixture.create(widget("a"))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<6 {
        group.addTask { try await fixture.patch(["metadata": ["labels": .object([("l\(index)", "1")])]]) }
      }
      try await group.waitForAll()
    }
    #expect(try await fixture.get("a").meta.labels.count == 6)
  }

  @Test func deletionHeedsPreconditionsAndFinalizers() async throws {
    let fixture = try await ServiceFixture()
    let made = try await fixture.create(widget("a", metadata: ["finalizers": ["example.com/hold"]]))
    var wrong = DeleteOptions()
    wrong.uid = "abc"
    let error = await refused { try await fixture.delete("a", wrong) }
    #expect(
      error?.message
        == "Operation cannot be fulfilled on Widget.test.example \"a\": the UID in the precondition (abc) does not match the UID"
        + " in record (\(made.meta.uid)). The object might have been deleted and then recreated")
    var foreground = DeleteOptions()
    foreground.propagation = .foreground
    foreground.uid = made.meta.uid
    guard case .waits = try await fixture.delete("a", foreground) else {
      Issue.record("it did not wait")
      return
    }
    var waiting = try await fixture.get("a")
    #expect(waiting.meta.deletionTimestamp == "2027-01-15T08:00:00Z" && waiting.meta.deletionGracePeriodSeconds == 0)
    #expect(waiting.meta.finalizers == ["example.com/hold", "foregroundDeletion"] && waiting.meta.generation == 2)
    waiting.meta.finalizers += ["example.com/late"]
    #expect(await refused { try await fixture.update(waiting) }?.code == 422)
    waiting.meta.finalizers = ["foregroundDeletion"]
    #expect(try await fixture.update(waiting).meta.finalizers == ["foregroundDeletion"])
    try await fixture.patch([["op": "remove", "path": "/metadata/finalizers"]], .json)
    #expect(await refused { try await fixture.get("a") }?.code == 404)
    #expect(await refused { try await fixture.delete("a") }?.code == 404)
  }

  @Test func aGracePeriodCanOnlyBecomeShorter() async throws {
    let fixture = try await ServiceFixture()
    try await fixture.create(widget("a", spec: ["color": "slow"]))
    func grace(_ seconds: Int64?) async throws -> Int64? {
      var options = DeleteOptions()
      options.gracePeriodSeconds = seconds
      _ = try await fixture.delete("a", options)
      return try? await fixture.get("a").meta.deletionGracePeriodSeconds
    }
    #expect(try await grace(nil) == 30)
    #expect(try await fixture.get("a").meta.deletionTimestamp == "2027-01-15T08:00:30Z")
    #expect(try await grace(60) == 30)
    #expect(try await grace(5) == 5)
    #expect(try await grace(0) == nil)
  }

  @Test func noGracePeriodIsBeyondWhatAClockCounts() async throws {
    let query = try QueryParameters(parsing: "gracePeriodSeconds=9223372036854775807", maxItems: 4)
    let wish = try DeleteOptions(query, body: nil)
    #expect(wish.gracePeriodSeconds == 2_147_483_647)
    let body: JSONValue = ["kind": "DeleteOptions", "gracePeriodSeconds": .integer(.max)]
    #expect(try DeleteOptions(query, body: body).gracePeriodSeconds == 2_147_483_647)
    let fixture = try await ServiceFixture()
    try await fixture.create(widget("a", spec: ["color": "slow"]))
    _ = try await fixture.delete("a", wish)
    #expect(try await fixture.get("a").meta.deletionTimestamp == "2095-02-02T11:14:07Z")
    // Whoever calls it without the bound of the options is safe as well.
    var own = DeleteOptions()
    own.gracePeriodSeconds = .max
    try await fixture.create(widget("b", spec: ["color": "slow"]))
    _ = try await fixture.delete("b", own)
    #expect(try await fixture.get("b").meta.deletionTimestamp == "9999-12-31T23:59:59Z")
  }

  @Test func collectionsAreDeletedBySelector() async throws {
    let fixture = try await ServiceFixture()
    for name in ["a", "b", "c"] {
      try await fixture.create(widget(name, metadata: ["labels": ["keep": .string(name == "b" ? "yes" : "no")]]))
    }
    var options = ListOptions()
    options.labels = try LabelSelector(parsing: "keep!=yes")
    let page = try await fixture.service.list(ServiceFixture.widgets, in: "default", options)
    #expect(page.objects.map(\.key.name) == ["a", "c"])
    // What is gone already is no failure.
    _ = try await fixture.delete("a")
    try await fixture.service.delete(ServiceFixture.widgets, shownBy: page, DeleteOptions(), at: fixture.now)
    let left = try await fixture.service.list(ServiceFixture.widgets, in: nil, ListOptions())
    #expect(left.objects.map(\.key.name) == ["b"])
  }
}
