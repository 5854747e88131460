import HTTPServing
import Testing

@testable import KubeMachinery

@Suite struct ListAndWatchTests {
  private func options(_ query: String) throws -> ListOptions {
    try ListOptions(QueryParameters(parsing: query, maxItems: 32), kind: ServiceFixture.widgets)
  }

  @Test(arguments: [
    ("labelSelector=a===b", 400, "unable to parse requirement: found '=', expected: identifier"),
    ("fieldSelector=spec.foo%3D1", 400, "field label not supported: spec.foo"),
    ("resourceVersionMatch=Exact", 422, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
    (
      "resourceVersionMatch=Exact&resourceVersion=0", 422,
      "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\""
    ),
    (
      "resourceVersionMatch=x&resourceVersion=1", 422,
      "Unsupported value: \"x\": supported values: \"Exact\", \"NotOlderThan\", \"\""
    ),
    ("resourceVersion=abc", 400, "strconv.ParseUint: parsing \"abc\": invalid syntax"),
    ("resourceVersion=-1", 400, "strconv.ParseUint: parsing \"-1\": invalid syntax"),
    ("limit=x", 400, "strconv.ParseInt: parsing \"x\": invalid syntax"),
    ("limit=-1", 422, "limit: Invalid value: -1: must be greater than or equal to 0"),
    ("continue=abc", 400, "continue key is not valid"),
    ("sendInitialEvents=true", 422, "sendInitialEvents is forbidden for list"),
    (
      "watch=true&sendInitialEvents=true", 422,
      "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    ),
    (
      "watch=true&resourceVersionMatch=Exact&resourceVersion=1", 422,
      "forbidden for watch unless sendInitialEvents is provided"
    ),
  ])
  func wrongOptionsAreRefused(_ query: String, _ code: Int, _ message: String) async {
    let error = await refused { try options(query) }
    #expect(error?.code == code && error?.message.contains(message) == true, "\(error?.message ?? "nothing")")
  }

  @Test func tokensAreReadBackAndForeignOnesRefused() throws {
    let token = ContinueToken(revision: 12, after: ObjectPlace(namespace: "ns", name: "some.name"))
    #expect(try ContinueToken(parsing: token.text) == token)
    let loose = ContinueToken(revision: nil, after: ObjectPlace(namespace: "", name: "x"))
    #expect(try ContinueToken(parsing: loose.text) == loose)
    for text in ["", "!!!", "e30", String(repeating: "A", count: 4_000), "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"] {
      #expect(throws: StatusError.self) { try ContinueToken(parsing: text) }
    }
  }

  @Test func pagesAreOfOneRevisionUntilThatIsTooOld() async throws {
    let fixture = try await ServiceFixture()
    for name in ["a", "b", "c", "d"] { try await fixture.create(widget(name)) }
    let kind = ServiceFixture.widgets
    let first = try await fixture.service.list(kind, in: "default", options("limit=2"))
    #expect(first.objects.map(\.key.name) == ["a", "b"] && first.remaining == 2)
    _ = try await fixture.delete("c")
    let second = try await fixture.service.list(kind, in: "default", options("limit=2&continue=\(first.continueToken)"))
    #expect(second.objects.map(\.key.name) == ["c", "d"] && second.continueToken.isEmpty)
    #expect(second.revision == first.revision)
    try await fixture.create(widget("e"))
    try fixture.store.compact(to: fixture.store.revision)
    let error = await refused {
      try await fixture.service.list(kind, in: "default", options("limit=1&continue=\(first.continueToken)"))
    }
    #expect(error?.code == 410 && error?.reason == "Expired")
    #expect(
      error?.message.hasPrefix("The provided continue parameter is too old to display a consistent list result.")
        == true)
    let token = try #require(error?.continueToken)
    let third = try await fixture.service.list(kind, in: "default", options("limit=1&continue=\(token)"))
    #expect(third.objects.map(\.key.name) == ["d"])
    let fourth = try await fixture.service.list(kind, in: "default", options("limit=1&continue=\(third.continueToken)"))
    #expect(fourth.objects.map(\.key.name) == ["e"])
    let old = await refused {
      try await fixture.service.list(kind, in: nil, options("resourceVersion=1&resourceVersionMatch=Exact"))
    }
    #expect(old?.code == 410 && old?.message == "The resourceVersion for the provided list is too old.")
    let ahead = await refused { try await fixture.service.list(kind, in: nil, options("resourceVersion=99999999")) }
    #expect(ahead?.code == 504 && ahead?.details?.causes.first?.reason == "ResourceVersionTooLarge")
    #expect(ahead?.message == "Timeout: Too large resource version: 99999999, current: \(fixture.store.revision)")
  }

  private func text(_ event: ObjectWatch.Event) -> String {
    switch event {
    case .added(let object): "+\(object.key.name)"
    case .modified(let object): "~\(object.key.name)"
    case .deleted(let object): "-\(object.key.name)"
    case .bookmark(_, let ends): ends ? "end" : "mark"
    }
  }

  private func read(_ watch: inout ObjectWatch, _ count: Int) async throws -> [String] {
    var texts: [String] = []
    while texts.count < count { texts += try await watch.next().map(text) }
    return texts
  }

  @Test func aWatchTellsWhatIsThereAndWhatComes() async throws {
    let fixture = try await ServiceFixture()
    try await fixture.create(widget("a"))
    let start = fixture.store.revision
    try await fixture.create(widget("b"))
    try await fixture.create(widget("c"), in: "other")
    var all = try await fixture.service.watch(ServiceFixture.widgets, in: "default", options("watch=1"))
    var since = try await fixture.service.watch(
      ServiceFixture.widgets, in: "default", options("watch=1&resourceVersion=\(start)"))
    var streamed = try await fixture.service.watch(
      ServiceFixture.widgets, in: nil,
      options("watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"))
    try await fixture.patch(["spec": ["size": 2]])
    _ = try await fixture.delete("b")
    #expect(try await read(&all, 4) == ["+a", "+b", "~a", "-b"])
    #expect(try await read(&since, 3) == ["+b", "~a", "-b"])
    #expect(try await read(&streamed, 6) == ["+a", "+b", "+c", "end", "~a", "-b"])
  }

  @Test func whatIsThereAtTheStartIsReadInPagesOfOneRevision() async throws {
    let fixture = try await ServiceFixture()
    for name in ["a", "b", "c", "d"] { try await fixture.create(widget(name)) }
    var options = try options(
      "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
    options.byteLimit = 1
    var watch = try await fixture.service.watch(ServiceFixture.widgets, in: "default", options)
    #expect(watch.isTellingInitial && watch.hasMoreInitial && watch.initialBytes > 0)
    _ = try await fixture.delete("c")
    for name in ["a", "b", "c"] {
      let events = try await watch.next()
      #expect(events.map(text) == ["+\(name)"] && watch.isTellingInitial)
    }
    #expect(try await read(&watch, 2) == ["+d", "end"])
    #expect(!watch.isTellingInitial && watch.initialBytes == 0)
    #expect(try await read(&watch, 1) == ["-c"])
  }

  @Test func aWatchWhoseStartIsCompactedIsTold() async throws {
    let fixture = try await ServiceFixture()
    for name in ["a", "b"] { try await fixture.create(widget(name)) }
    var options = try options("watch=1")
    options.byteLimit = 1
    var watch = try await fixture.service.watch(ServiceFixture.widgets, in: "default", options)
    #expect(try await read(&watch, 1) == ["+a"])
    try await fixture.create(widget("c"))
    try fixture.store.compact(to: fixture.store.revision)
    let error = await refused { try await watch.next() }
    #expect(error?.code == 410)
  }

  @Test func anObjectEntersAndLeavesTheSelection() async throws {
    let fixture = try await ServiceFixture()
    try await fixture.create(widget("a", metadata: ["labels": ["x": "1"]]))
    let since = fixture.store.revision
    var labelled = try await fixture.service.watch(
      ServiceFixture.widgets, in: "default", options("watch=1&labelSelector=x%3D2&resourceVersion=\(since)"))
    var named = try await fixture.service.watch(
      ServiceFixture.widgets, in: "default", options("watch=1&fieldSelector=metadata.name%3Db&resourceVersion=\(since)")
    )
    var colored = try await fixture.service.watch(
      ServiceFixture.widgets, in: nil, options("watch=1&fieldSelector=spec.color%3Dred&resourceVersion=\(since)"))
    try await fixture.patch(["metadata": ["labels": ["x": "2"]]])
    try await fixture.patch(["spec": ["size": 2, "color": "red"]])
    try await fixture.patch(["metadata": ["labels": ["x": "3"]]])
    try await fixture.create(widget("b"))
    _ = try await fixture.delete("a")
    #expect(try await read(&labelled, 3) == ["+a", "~a", "-a"])
    #expect(try await read(&named, 1) == ["+b"])
    #expect(try await read(&colored, 3) == ["+a", "~a", "-a"])
  }

  @Test func anOldWatchIsToldThatItIsTooOld() async throws {
    let fixture = try await ServiceFixture()
    try await fixture.create(widget("a"))
    var watch = try await fixture.service.watch(ServiceFixture.widgets, in: nil, options("watch=1&resourceVersion=1"))
    let current = fixture.store.revision
    try fixture.store.compact(to: current)
    let error = await refused { try await watch.next() }
    #expect(error?.code == 410 && error?.reason == "Expired")
    #expect(error?.message == "too old resource version: 1 (\(current))")
  }
}
