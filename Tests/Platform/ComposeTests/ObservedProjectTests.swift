import Testing

@testable import Compose

/// Projects that are known by the labels of their containers alone.
@Suite struct ObservedProjectTests {
  private static func container(
    _ service: String, _ number: Int = 1, needs: String = "", image: String? = nil, oneOff: Bool = false
  ) -> ObservedContainer {
    var container = ObservedContainer(
      id: "\(service)\(number)", name: "p-\(service)-\(number)", service: service, number: number, configHash: "")
    container.dependsOn = needs
    container.imageName = image
    container.isOneOff = oneOff
    return container
  }

  @Test func `services, their number, needs and images come from labels`() {
    let project = ComposeProject(
      name: "p",
      observed: [
        Self.container("web", 1, needs: "db:service_healthy:true,gone:service_started:false", image: "p-web"),
        Self.container("web", 2, needs: "db:service_healthy:true,gone:service_started:false", image: "p-web:latest"),
        Self.container("db", image: "postgres:15"), Self.container("task", oneOff: true), Self.container(""),
      ])
    #expect(project.services.map(\.name) == ["db", "task", "web"])
    #expect(project.services.map(\.replicas) == [1, 0, 2])
    #expect(project.services.map(\.image) == ["postgres:15", nil, nil])
    #expect(project.service("web")?.dependencies == [ComposeDependency("db", condition: .healthy, restart: true)])
  }

  @Test(
    "what a label says of needs",
    arguments: [
      ("", []), ("db", [ComposeDependency("db")]), ("db:service_started", [ComposeDependency("db")]),
      ("db:service_completed_successfully:false", [ComposeDependency("db", condition: .completed)]),
      (
        "db:service_dreaming:true,:x,a:service_healthy:true",
        [ComposeDependency("a", condition: .healthy, restart: true)]
      ),
    ] as [(String, [ComposeDependency])])
  func needs(label: String, expected: [ComposeDependency]) {
    #expect(ComposeProject.dependencies(label) == expected)
  }

  @Test func `dependents stop first, and labels in a circle leave nobody out`() throws {
    let chain = [Self.container("db"), Self.container("web", needs: "db:service_started:false")]
    let circle = [Self.container("a", needs: "b"), Self.container("b", needs: "a")]
    for (containers, expected) in [
      (chain, ["0 stop web1", "1 remove web1 < 0", "2 stop db1 < 0", "3 remove db1 < 2"]),
      (circle, ["0 stop b1", "1 remove b1 < 0", "2 stop a1", "3 remove a1 < 2"]),
    ] {
      var observation = ComposeObservation()
      observation.containers = containers
      let project = ComposeProject(name: "p", observed: containers)
      let plan = try PlannerTests.planner(project, observation).down(ComposeDownOptions())
      #expect(PlannerTests.lines(plan) == expected)
    }
  }

  @Test(
    "the name of a project without files",
    arguments: [
      (nil, nil, nil as String?), (nil, "env", "env"), ("given", "env", "given"), ("given", nil, "given"),
      ("", "env", "env"),
    ] as [(String?, String?, String?)])
  func name(given: String?, environment: String?, expected: String?) throws {
    var request = ComposeRequest()
    request.projectName = given
    if let environment { request.environment["COMPOSE_PROJECT_NAME"] = environment }
    #expect(try ComposeLoader.givenName(request) == expected)
    request.projectName = "No/Name"
    #expect(throws: ComposeFaults.self) { try ComposeLoader.givenName(request) }
  }

  @Test func `no file is another fault than a missing service`() {
    let loader = ComposeLoader(reader: MemoryFiles(files: ["/p/compose.yaml": "services: {a: {image: i}}"]))
    #expect(throws: ComposeFaults.self) { try loader.load(ComposeRequest()) }
    let missing = #expect(throws: ComposeFaults.self) { try loader.load(ComposeRequest()) }
    #expect(missing?.first.kind == .noFiles)
    var request = ComposeRequest(files: ["/p/compose.yaml"])
    request.services = ["b"]
    let service = #expect(throws: ComposeFaults.self) { try loader.load(request) }
    #expect(service?.first.kind == .notFound)
  }

  @Test func `variables of all files, with what stands for them`() throws {
    let text = """
      services:
        a:
          image: i:${TAG:?say which}
          command: echo $PLAIN ${DEEP:-${INNER-x}} ${ALT+yes} $$NONE
          environment: {A: "$TAG", B: "${PLAIN:-later}"}
      """
    let loader = ComposeLoader(reader: MemoryFiles(files: ["/p/compose.yaml": text]))
    let found = try loader.variables(ComposeRequest(files: ["/p/compose.yaml"]))
    #expect(
      found == [
        ComposeVariable(name: "ALT", alternative: "yes"), ComposeVariable(name: "DEEP", fallback: "${INNER-x}"),
        ComposeVariable(name: "INNER", fallback: "x"), ComposeVariable(name: "PLAIN", fallback: "later"),
        ComposeVariable(name: "TAG", isRequired: true),
      ])
  }
}
