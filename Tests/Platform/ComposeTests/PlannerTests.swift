import Testing

@testable import Compose

/// Plans as lines: `2 start web-1 < 0 1`.
@Suite struct PlannerTests {
  static func project(_ services: String) throws -> ComposeProject {
    let text =
      "name: p\nservices:\n" + services.split(separator: "\n").map { "  \($0)\n" }.joined()
      + "networks: {n: }\nvolumes: {v: }\n"
    let loader = ComposeLoader(reader: MemoryFiles(files: ["/p/compose.yaml": text]))
    return try loader.load(ComposeRequest(files: ["/p/compose.yaml"])).project
  }

  /// As long as different texts have different ones it does for a hash.
  static func hash(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  /// Everything of a project as it is when `up` is done.
  static func present(_ project: ComposeProject, scale: [String: Int] = [:]) -> ComposeObservation {
    var observation = ComposeObservation()
    for service in project.services {
      for number in 0..<(scale[service.name] ?? service.replicas) {
        observation.containers.append(
          ObservedContainer(
            id: "\(service.name)\(number + 1)id", name: "p-\(service.name)-\(number + 1)", service: service.name,
            number: number + 1, configHash: project.configHash(service, sha256: hash)))
      }
    }
    for network in project.networks where !network.isExternal {
      observation.networks.append(
        ObservedResource(
          name: network.name, key: network.key, configHash: project.configHash(network: network.key, sha256: hash)))
    }
    for volume in project.volumes where !volume.isExternal {
      observation.volumes.append(
        ObservedResource(
          name: volume.name, key: volume.key, configHash: project.configHash(volume: volume.key, sha256: hash)))
    }
    return observation
  }

  static func planner(_ project: ComposeProject, _ observation: ComposeObservation) -> ComposePlanner {
    ComposePlanner(project: project, observation: observation, sha256: hash)
  }

  static func lines(_ plan: ComposePlan) -> [String] {
    plan.steps.enumerated().map { index, step in
      let after = step.after.isEmpty ? "" : " < " + step.after.map(String.init).joined(separator: " ")
      return "\(index) \(words(step.action))\(after)"
    }
  }

  private static func words(_ action: ComposeAction) -> String {
    func name(_ reference: ComposeContainerReference) -> String {
      reference.id ?? "\(reference.service)-\(reference.number)"
    }
    return switch action {
    case .createNetwork(let key): "network \(key)"
    case .createVolume(let key): "volume \(key)"
    case .removeNetwork(let key): "remove network \(key)"
    case .removeVolume(let key): "remove volume \(key)"
    case .requireNetwork(let key): "require network \(key)"
    case .requireVolume(let key): "require volume \(key)"
    case .create(let one, let temporary, let replaces):
      "create \(name(one))" + (temporary.map { " as \($0)" } ?? "") + (replaces.map { " for \($0)" } ?? "")
    case .start(let one): "start \(name(one))"
    case .wait(let one, let condition, let required):
      "wait \(name(one)) \(condition.rawValue.dropFirst(8))\(required ? "" : "?")"
    case .drain(let one): "drain \(name(one))"
    case .stop(let one): "stop \(name(one))"
    case .remove(let one, let volumes): "remove \(name(one))\(volumes ? " with volumes" : "")"
    case .rename(let one): "rename \(name(one))"
    case .pause(let nanoseconds): "pause \(nanoseconds)"
    case .gather: "gather"
    }
  }

  static let two =
    "db: {image: d, volumes: [\"v:/d\"]}\nweb: {image: w, depends_on: {db: {condition: service_healthy}}}"

  @Test func firstUp() throws {
    let project = try Self.project(Self.two)
    #expect(
      Self.lines(try Self.planner(project, ComposeObservation()).up(ComposeUpOptions())) == [
        "0 network default", "1 volume v", "2 create db-1 < 0 1", "3 create web-1 < 0 1", "4 start db-1 < 2",
        "5 wait db-1 healthy < 4", "6 start web-1 < 3 5",
      ])
  }

  @Test func nothingToDo() throws {
    let project = try Self.project(Self.two)
    let plan = try Self.planner(project, Self.present(project)).up(ComposeUpOptions())
    #expect(plan.isEmpty && plan.warnings.isEmpty)
    #expect(Self.lines(plan) == ["0 wait db1id healthy"])
  }

  @Test func onlyWhatChangedIsReplaced() throws {
    let before = try Self.project(Self.two)
    let after = try Self.project(Self.two.replacing("image: w", with: "image: x"))
    #expect(
      Self.lines(try Self.planner(after, Self.present(before)).up(ComposeUpOptions())) == [
        "0 create web-1 as p-web-1-web1id for web1id", "1 wait db1id healthy", "2 stop web1id < 0 1",
        "3 start web-1 < 1 2", "4 remove web1id < 3", "5 rename web-1 < 4",
      ])
  }

  @Test(
    arguments: [
      "image: w, build: .", "image: w, pull_policy: always", "image: w, profiles: []", "image: w, attach: false",
      "image: w, deploy: {update_config: {parallelism: 4}}", "image: w, x-bulkhead: {}",
    ])
  func whatContainersAreNotMadeByChangesNothing(_ change: String) throws {
    let before = try Self.project("web: {image: w}")
    let after = try Self.project("web: {\(change)}")
    #expect(try Self.planner(after, Self.present(before)).up(ComposeUpOptions()).isEmpty)
  }

  @Test(
    arguments: [
      "image: w2", "image: w, command: x", "image: w, environment: {A: b}", "image: w, labels: [l]",
      "image: w, ports: [\"80\"]", "image: w, networks: [n]", "image: w, volumes: [\"v:/v\"]",
      "image: w, mem_limit: 8m",
      "image: w, restart: always", "image: w, deploy: {resources: {limits: {pids: 9}}}",
    ])
  func whatContainersAreMadeByReplacesThem(_ change: String) throws {
    let before = try Self.project("web: {image: w}")
    let after = try Self.project("web: {\(change)}")
    let lines = Self.lines(try Self.planner(after, Self.present(before)).up(ComposeUpOptions()))
    #expect(lines.contains { $0.contains("remove web1id") })
  }

  @Test func aNewContainerHasToServeAsLongAsTheFileSays() throws {
    let text = "web: {image: w, scale: 2, deploy: {update_config: {monitor: 5s}}}"
    let lines = Self.lines(
      try Self.planner(
        try Self.project(text.replacing("image: w", with: "image: x")), Self.present(try Self.project(text))
      ).up(ComposeUpOptions()))
    #expect(
      lines[3...7].joined(separator: "\n") == """
        3 start web-1 < 2
        4 wait web-1 healthy < 3
        5 pause 5000000000 < 4
        6 wait web-1 healthy < 5
        7 drain web1id < 6
        """)
  }

  static let scaled = "web: {image: w, scale: 3, deploy: {update_config: {delay: 1s}}}"

  @Test func scaledServicesAreReplacedOneByOneStartingFirst() throws {
    let before = try Self.project(Self.scaled)
    let after = try Self.project(Self.scaled.replacing("image: w", with: "image: x"))
    let lines = Self.lines(try Self.planner(after, Self.present(before)).up(ComposeUpOptions()))
    #expect(
      lines == [
        "0 create web-1 as p-web-1-web1id for web1id", "1 create web-2 as p-web-2-web2id for web2id",
        "2 create web-3 as p-web-3-web3id for web3id", "3 gather < 0 1 2", "4 start web-1 < 3",
        "5 wait web-1 healthy < 4", "6 drain web1id < 5", "7 stop web1id < 6", "8 remove web1id < 7",
        "9 rename web-1 < 8", "10 pause 1000000000 < 9", "11 start web-2 < 3 10", "12 wait web-2 healthy < 11",
        "13 drain web2id < 12", "14 stop web2id < 13", "15 remove web2id < 14", "16 rename web-2 < 15",
        "17 pause 1000000000 < 16", "18 start web-3 < 3 17", "19 wait web-3 healthy < 18", "20 drain web3id < 19",
        "21 stop web3id < 20", "22 remove web3id < 21", "23 rename web-3 < 22",
      ])
  }

  @Test(
    arguments: [
      ("image: w, scale: 2", true), ("image: w", false), ("image: w, scale: 2, ports: [\"80:80\"]", false),
      ("image: w, scale: 2, ports: [\"80-89:80\"]", true), ("image: w, scale: 2, network_mode: host", false),
      ("image: w, deploy: {update_config: {order: start-first}}", true),
      ("image: w, scale: 2, deploy: {update_config: {order: stop-first}}", false),
      ("image: w, deploy: {update_config: {order: start-first}}, ports: [\"80:80\"]", false),
      ("image: w, x-bulkhead: {expose: {port: 80, target: 80}}", true),
      ("image: w, scale: 2, networks: {n: {ipv4_address: 10.0.0.9}}", false),
    ])
  func whoStartsFirst(_ service: String, _ startsFirst: Bool) throws {
    let web = try #require(try Self.project("web: {\(service)}").service("web"))
    #expect(web.replacesByStartingFirst(replicas: web.replicas) == startsFirst)
  }

  @Test func scalingUpAndDown() throws {
    let project = try Self.project("web: {image: w}")
    var options = ComposeUpOptions()
    options.scale = ["web": 3]
    #expect(
      Self.lines(try Self.planner(project, Self.present(project)).up(options)) == [
        "0 create web-2", "1 create web-3", "2 start web-2 < 0", "3 start web-3 < 1",
      ])
    options.scale = ["web": 1]
    #expect(
      Self.lines(try Self.planner(project, Self.present(project, scale: ["web": 3])).up(options)) == [
        "0 drain web3id", "1 stop web3id < 0", "2 remove web3id with volumes < 1", "3 drain web2id",
        "4 stop web2id < 3",
        "5 remove web2id with volumes < 4",
      ])
    options.scale = ["web": 0]
    #expect(try Self.planner(project, Self.present(project)).up(options).steps.count == 3)
  }

  @Test func aNumberThatIsFreeIsTaken() throws {
    let project = try Self.project("web: {image: w, scale: 3}")
    var observation = Self.present(project)
    observation.containers.removeAll { $0.number == 2 }
    #expect(
      Self.lines(try Self.planner(project, observation).up(ComposeUpOptions())) == [
        "0 create web-2", "1 start web-2 < 0",
      ])
  }

  @Test(
    arguments: [
      (ObservedContainer.State.exited, ["0 start web1id"]), (.created, ["0 start web1id"]), (.running, []),
      (.paused, []),
      (
        .dead,
        [
          "0 create web-1 as p-web-1-web1id for web1id", "1 start web-1 < 0", "2 remove web1id < 1",
          "3 rename web-1 < 2",
        ]
      ),
    ])
  func states(_ state: ObservedContainer.State, _ lines: [String]) throws {
    let project = try Self.project("web: {image: w}")
    var observation = Self.present(project)
    observation.containers[0].state = state
    #expect(Self.lines(try Self.planner(project, observation).up(ComposeUpOptions())) == lines)
  }

  @Test func anotherImageOfTheSameNameReplaces() throws {
    let project = try Self.project("web: {image: w}")
    var observation = Self.present(project)
    observation.containers[0].imageID = "old"
    let same = ComposePlanner(project: project, observation: observation, imageIDs: ["web": "old"], sha256: Self.hash)
    #expect(try same.up(ComposeUpOptions()).isEmpty)
    let other = ComposePlanner(project: project, observation: observation, imageIDs: ["web": "new"], sha256: Self.hash)
    #expect(try other.up(ComposeUpOptions()).steps.count == 5)
  }

  @Test func optionsOfUp() throws {
    let project = try Self.project(Self.two)
    let planner = Self.planner(project, Self.present(project))
    var options = ComposeUpOptions()
    options.forceRecreate = true
    options.services = ["web"]
    var lines = Self.lines(try planner.up(options))
    #expect(lines.contains { $0.contains("remove web1id") } && !lines.contains { $0.contains("remove db1id") })
    options.recreatesDependencies = true
    lines = Self.lines(try planner.up(options))
    #expect(lines.contains { $0.contains("remove web1id") } && lines.contains { $0.contains("remove db1id") })
    options = ComposeUpOptions()
    options.services = ["web"]
    options.withoutDependencies = true
    lines = Self.lines(try Self.planner(project, ComposeObservation()).up(options))
    #expect(lines == ["0 network default", "1 create web-1 < 0", "2 start web-1 < 1"])
    options = ComposeUpOptions()
    options.createsOnly = true
    lines = Self.lines(try Self.planner(project, ComposeObservation()).up(options))
    #expect(!lines.contains { $0.contains("start") } && lines.filter { $0.contains("create") }.count == 2)
    options = ComposeUpOptions()
    options.noRecreate = true
    let other = try Self.project(Self.two.replacing("image: w", with: "image: x"))
    #expect(try Self.planner(other, Self.present(project)).up(options).isEmpty)
    options.services = ["nobody"]
    #expect(throws: ComposeFault.self) { try planner.up(options) }
  }

  @Test func waitsAtTheEnd() throws {
    let project = try Self.project(
      "job: {image: j}\nweb: {image: w, depends_on: {job: {condition: service_completed_successfully}}}")
    var options = ComposeUpOptions()
    options.waits = true
    #expect(
      Self.lines(try Self.planner(project, ComposeObservation()).up(options)) == [
        "0 network default", "1 create job-1 < 0", "2 create web-1 < 0", "3 start job-1 < 1",
        "4 wait job-1 completed_successfully < 3", "5 start web-1 < 2 4", "6 wait web-1 healthy < 5",
      ])
  }

  @Test func dependentsRestartWithWhatTheyNeed() throws {
    let text = "db: {image: d}\nweb: {image: w, depends_on: {db: {condition: service_started, restart: true}}}"
    let before = try Self.project(text)
    let after = try Self.project(text.replacing("image: d", with: "image: e"))
    let lines = Self.lines(try Self.planner(after, Self.present(before)).up(ComposeUpOptions()))
    #expect(lines.suffix(2) == ["5 stop web1id < 0 4", "6 start web1id < 5"])
  }

  @Test(
    arguments: [
      "network_mode: \"service:a\"", "ipc: \"service:a\"", "pid: \"service:a\"", "volumes_from: [a]", "links: [a]",
    ])
  func whoRefersToAnotherIsMadeAfterItAndReplacedWithIt(_ key: String) throws {
    let text = "a: {image: a}\nb: {image: b, \(key)}"
    let before = try Self.project(text)
    let made = Self.lines(try Self.planner(before, ComposeObservation()).up(ComposeUpOptions()))
    let first = try #require(made.firstIndex { $0.contains("create a-1") })
    #expect(made.contains { $0.contains("create b-1 < ") && $0.split(separator: " ").last == "\(first)" }, "\(made)")
    let after = try Self.project(text.replacing("image: a", with: "image: x"))
    let lines = Self.lines(try Self.planner(after, Self.present(before)).up(ComposeUpOptions()))
    #expect(lines.contains { $0.hasPrefix("1 create b-1 as p-b-1-b1id for b1id < 0") })
  }

  @Test func nothingThatRunsIsTouchedBeforeTheEngineHasAgreedToAllThatIsNew() throws {
    let text = "a: {image: a}\nb: {image: b, scale: 2}\nc: {image: c}\ngone: {image: g}"
    let before = try Self.project(text)
    let after = try Self.project(
      "a: {image: a2}\nb: {image: b2, scale: 2}\nc: {image: c, depends_on: {a: {condition: service_started, restart: true}}}\nd: {image: d}"
    )
    var options = ComposeUpOptions()
    options.removesOrphans = true
    let plan = try Self.planner(after, Self.present(before)).up(options)
    func earlier(_ index: Int) -> Set<Int> {
      plan.steps[index].after.reduce(into: []) { $0.formUnion(earlier($1).union([$1])) }
    }
    let creates = Set(plan.steps.indices.filter { if case .create = plan.steps[$0].action { true } else { false } })
    let touching = plan.steps.indices.filter {
      switch plan.steps[$0].action {
      case .stop, .remove, .drain: true
      default: false
      }
    }
    #expect(creates.count == 4 && touching.count == 11)
    for index in touching { #expect(creates.isSubset(of: earlier(index)), "\(Self.lines(plan)[index])") }
  }

  /// What is put back after each step of a plan failed, with all before it done.
  @Test(
    arguments: [
      (
        "image: w",
        [
          "discard web-1", "discard web-1; restart web1id", "discard web-1; restart web1id", "", "rename web-1",
        ]
      ),
      (
        "image: w, deploy: {update_config: {order: start-first}}",
        [
          "discard web-1", "discard web-1", "discard web-1", "discard web-1; undrain web1id",
          "discard web-1; restart web1id; undrain web1id", "", "rename web-1",
        ]
      ),
    ])
  func afterAFailure(_ service: String, _ expected: [String]) throws {
    let before = try Self.project("web: {\(service)}")
    let after = try Self.project("web: {\(service.replacing("image: w", with: "image: x"))}")
    let plan = try Self.planner(after, Self.present(before)).up(ComposeUpOptions())
    let told = plan.steps.indices.map { failed in
      let statuses = plan.steps.indices.map { index -> ComposeStepStatus in
        index < failed ? .done : index == failed ? .failed : .waiting
      }
      return Self.told(plan.restoration(after: statuses))
    }
    #expect(told == expected)
    #expect(plan.restoration(after: plan.steps.map { _ in .done }).isEmpty)
  }

  private static func told(_ steps: [ComposeRestoration]) -> String {
    func name(_ reference: ComposeContainerReference) -> String {
      reference.id ?? "\(reference.service)-\(reference.number)"
    }
    return steps.map {
      switch $0 {
      case .discard(let one): "discard \(name(one))"
      case .restart(let one): "restart \(name(one))"
      case .undrain(let one): "undrain \(name(one))"
      case .remove(let one): "remove \(name(one))"
      case .rename(let one): "rename \(name(one))"
      }
    }.joined(separator: "; ")
  }

  @Test func whatAnotherServicesFailureMetHalfwayIsFinishedOrPutBack() throws {
    let text = "a: {image: a}\nb: {image: b, depends_on: {a: {condition: service_started, restart: true}}}"
    let before = try Self.project(text)
    let after = try Self.project(text.replacing("image: a", with: "image: x"))
    let plan = try Self.planner(after, Self.present(before)).up(ComposeUpOptions())
    func told(doneUpTo last: String) throws -> String {
      let end = try #require(Self.lines(plan).firstIndex { $0.contains(last) })
      return Self.told(plan.restoration(after: plan.steps.indices.map { $0 <= end ? .done : .waiting }))
    }
    #expect(try told(doneUpTo: "stop a1id") == "discard a-1; restart a1id")
    #expect(try told(doneUpTo: "start a-1") == "remove a1id; rename a-1")
    #expect(try told(doneUpTo: "stop b1id") == "restart b1id")
  }

  @Test func whatAKilledUpLeftIsTakenUp() throws {
    let project = try Self.project("web: {image: w, scale: 2}")
    var observation = Self.present(project)
    observation.containers[0].name = "p-web-1-0123456789ab"
    var old = observation.containers[0]
    (old.id, old.name, old.configHash, old.state) = ("old1id", "p-web-1", "other", .exited)
    observation.containers.append(old)
    #expect(
      Self.lines(try Self.planner(project, observation).up(ComposeUpOptions())) == [
        "0 remove old1id with volumes", "1 rename web1id < 0",
      ])
  }

  @Test func aChangedNetworkIsMadeAnewWithoutItsContainers() throws {
    let before = try Self.project("web: {image: w}")
    var observation = Self.present(before)
    observation.networks[0].configHash = "other"
    observation.networks.removeAll { $0.key == "n" }
    #expect(
      Self.lines(try Self.planner(before, observation).up(ComposeUpOptions())) == [
        "0 stop web1id", "1 remove web1id < 0", "2 remove network p_default < 1", "3 network default < 2",
        "4 create web-1 < 3", "5 start web-1 < 4",
      ])
  }

  @Test func aChangedVolumeIsToldAndLeft() throws {
    let project = try Self.project(Self.two)
    var observation = Self.present(project)
    observation.volumes[0].configHash = "other"
    let plan = try Self.planner(project, observation).up(ComposeUpOptions())
    #expect(plan.isEmpty && plan.warnings.count == 1 && plan.warnings[0].contains("'p_v'"))
  }

  @Test func orphans() throws {
    let project = try Self.project("web: {image: w}")
    var observation = Self.present(project)
    observation.containers.append(
      ObservedContainer(id: "gone1", name: "p-gone-1", service: "gone", number: 1, configHash: ""))
    var options = ComposeUpOptions()
    let plan = try Self.planner(project, observation).up(options)
    #expect(plan.isEmpty && plan.warnings.count == 1 && plan.warnings[0].contains("p-gone-1"))
    options.removesOrphans = true
    #expect(Self.lines(try Self.planner(project, observation).up(options)) == ["0 stop gone1", "1 remove gone1 < 0"])
  }

  @Test func down() throws {
    let project = try Self.project(Self.two)
    let planner = Self.planner(project, Self.present(project))
    var options = ComposeDownOptions()
    #expect(
      Self.lines(try planner.down(options)) == [
        "0 stop web1id", "1 remove web1id < 0", "2 stop db1id < 0", "3 remove db1id < 2",
        "4 remove network p_default < 1 3", "5 remove network p_n < 1 3",
      ])
    options.removesVolumes = true
    #expect(Self.lines(try planner.down(options)).last == "6 remove volume p_v < 1 3")
    options.services = ["web"]
    #expect(Self.lines(try planner.down(options)) == ["0 stop web1id", "1 remove web1id with volumes < 0"])
    options.services = ["nobody"]
    #expect(throws: ComposeFault.self) { try planner.down(options) }
  }

  @Test func orders() throws {
    let project = try Self.project("a: {image: a, depends_on: [c]}\nb: {image: b}\nc: {image: c, links: [b]}")
    let graph = ComposeGraph(project.services)
    #expect(graph.startOrder == ["b", "c", "a"] && graph.stopOrder == ["a", "c", "b"])
    #expect(graph.closure(of: ["c"]) == ["b", "c"] && graph.dependents(of: ["b"]) == ["a", "b", "c"])
  }
}
