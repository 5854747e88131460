import ArgumentParser
import Compose
import Glibc

struct ComposeBuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "build", abstract: "Build the images of services.")
  @OptionGroup var options: ComposeOptions
  @Flag(help: "Run every step anew.") var noCache = false
  @Flag(help: "Ask the registry for base images although they are here.") var pull = false
  @Flag(help: "Push the images afterwards.") var push = false
  @Flag(name: .shortAndLong, help: "Print the images' ids only.") var quiet = false
  @Flag(help: "With what the services need.") var withDependencies = false
  @Option(help: "auto, plain, tty or quiet.") var progress = "auto"
  @Option(parsing: .unconditionalSingleValue, help: "NAME=VALUE for an ARG.") var buildArg: [String] = []
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.session(of: services)
    let graph = ComposeGraph(session.project.services)
    let names = withDependencies ? graph.closure(of: services) : Set(services)
    let wanted = graph.startOrder.compactMap(session.project.service).filter {
      $0.build != nil && (services.isEmpty || names.contains($0.name))
    }
    let images = ServiceImages(engine: session.engine, project: session.project, view: PlanView(.quiet))
    for service in try images.ordered(wanted) {
      var build = ServiceBuild(project: session.project, service: service)
      build.noCache = noCache
      build.pull = pull
      build.isQuiet = quiet
      build.progress = progress
      build.arguments = buildArg
      try build.run(connectedTo: session.engine)
    }
    if push { try ComposePush.push(session, services, isQuiet: quiet, ignoresFailures: false) }
  }
}

struct ComposePull: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull", abstract: "Bring the images of services from their registries.")
  @OptionGroup var options: ComposeOptions
  @Flag(help: "Leave out those that can be built.") var ignoreBuildable = false
  @Flag(help: "Go on when one cannot be had.") var ignorePullFailures = false
  @Flag(help: "With what the services need.") var includeDeps = false
  @Option(help: "always, or missing: only those that are not here.") var policy = "always"
  @Flag(name: .shortAndLong, help: "No progress.") var quiet = false
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func validate() throws {
    guard ["always", "missing"].contains(policy) else {
      throw ValidationError("invalid --policy '\(policy)': expected always or missing")
    }
  }

  func run() throws {
    let session = try options.session(of: services)
    let names = includeDeps ? ComposeGraph(session.project.services).closure(of: services) : Set(services)
    let view = PlanView(quiet ? .quiet : .auto)
    var wanted: [String: ComposeService] = [:]
    for service in session.project.services where services.isEmpty || names.contains(service.name) {
      // What is built here and has no name of its own is in no registry.
      if service.image == nil || (ignoreBuildable && service.build != nil) { continue }
      let name = session.project.imageName(service)
      if policy == "missing", try session.engine.findImage(name) != nil { continue }
      wanted[name] = service
    }
    do {
      try ServiceImages(engine: session.engine, project: session.project, view: view).pullAll(wanted)
    } catch {
      guard ignorePullFailures else { throw error }
      view.warn(error.message)
    }
  }
}

struct ComposePush: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "push", abstract: "Send the images of services to their registries.")
  @OptionGroup var options: ComposeOptions
  @Flag(help: "Go on when one cannot be sent.") var ignorePushFailures = false
  @Flag(help: "With what the services need.") var includeDeps = false
  @Flag(name: .shortAndLong, help: "No progress.") var quiet = false
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.session(of: services)
    let names = includeDeps ? ComposeGraph(session.project.services).closure(of: services) : Set(services)
    try Self.push(session, names.sorted(), isQuiet: quiet, ignoresFailures: ignorePushFailures)
  }

  /// Sends what is built and has a name; each image is shown by one line.
  static func push(
    _ session: ComposeSession, _ services: [String], isQuiet: Bool, ignoresFailures: Bool
  ) throws(ClientError) {
    let chosen = session.project.services.filter { service in
      service.build != nil && service.image != nil && (services.isEmpty || services.contains(service.name))
    }
    let view = PlanView(isQuiet ? .quiet : .auto)
    let engine = session.engine
    let images = Set(chosen.map(session.project.imageName)).sorted()
    try Threads.forEach(images, limit: 4) { image throws(ClientError) in
      view.show("Image \(image)", "Pushing")
      do throws(ClientError) {
        let (name, tag) = Engine.repositoryAndTag(image)
        let response = try engine.open(
          .post, "/images/\(Engine.escape(name))/push", query: [("tag", tag ?? "latest")],
          fields: try Engine.authorization(for: image))
        var quiet = TransferView(quiet: true)
        try engine.eachDocument(of: response) { document throws(ClientError) in try quiet.take(document) }
        view.show("Image \(image)", "Pushed", isDone: true)
      } catch {
        view.show("Image \(image)", "Error", isFailed: true)
        guard ignoresFailures else { throw error }
        view.warn(error.message)
      }
    }
  }
}
