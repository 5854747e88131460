import ArgumentParser
import Compose
import Glibc

/// What compose's commands that act share: which project, which engine.
struct ComposeOptions: ParsableArguments {
  @OptionGroup var connection: EngineOptions
  @OptionGroup var project: ProjectOptions

  /// - Parameter services: named on the command line; their profiles become active.
  func session(services: [String] = []) throws(ClientError) -> ComposeSession {
    ComposeSession(engine: try connection.engine(), project: try project.load(services: services))
  }

  /// As `session`; the services have to be in the files.
  func session(of services: [String]) throws(ClientError) -> ComposeSession {
    let session = try session(services: services)
    for name in services where session.project.service(name) == nil {
      throw ClientError("there is no service '\(name)' in the project '\(session.project.name)'")
    }
    return session
  }

  /// As `session(of:)`, for commands that do with what is there: without the files the project is what its labels say.
  /// - Parameter mayBeEmpty: a project that the engine knows nothing of is none that is told of.
  func existing(of services: [String], mayBeEmpty: Bool = false) throws(ClientError) -> ComposeSession {
    let engine = try connection.engine()
    let session: ComposeSession
    switch try project.find(services: services) {
    case .files(let project): session = ComposeSession(engine: engine, project: project)
    case .name(let name):
      let containers = try engine.observe(name).containers
      guard mayBeEmpty || !containers.isEmpty else {
        throw ClientError("the engine has no container of the project '\(name)', and no file of it was named")
      }
      session = ComposeSession(engine: engine, project: ComposeProject(name: name, observed: containers))
    }
    for name in services where session.project.service(name) == nil {
      throw ClientError("there is no service '\(name)' in the project '\(session.project.name)'")
    }
    return session
  }
}

/// A project and the engine that runs it.
struct ComposeSession {
  let engine: Engine
  let project: ComposeProject

  func observe() throws(ClientError) -> ComposeObservation { try engine.observe(project.name) }

  /// The containers of services, those of `run` left out unless they are wanted; of all services when none is named.
  func containers(
    of services: [String], oneOff: Bool = false, isRunning: Bool? = nil
  ) throws(ClientError) -> [ObservedContainer] {
    try observe().containers.filter { container in
      (services.isEmpty || services.contains(container.service)) && (oneOff || !container.isOneOff)
        && (isRunning.map { $0 == [.running, .paused, .restarting].contains(container.state) } ?? true)
    }
  }

  /// One container of a service, by its number where one is given.
  func container(of service: String, index: Int?, mustRun: Bool = true) throws(ClientError) -> ObservedContainer {
    let found = try containers(of: [service], isRunning: mustRun ? true : nil)
    let chosen = index.map { index in found.filter { $0.number == index } } ?? found
    guard let first = chosen.first else {
      throw ClientError(
        "service '\(service)' has no \(mustRun ? "running " : "")container\(index.map { " with number \($0)" } ?? "")")
    }
    return first
  }

  var hashes: ComposeHashes {
    ComposeHashes(
      services: Dictionary(
        project.services.map { ($0.name, project.configHash($0, sha256: SHA256Text.hex)) }
      ) { first, _ in first },
      networks: Dictionary(
        project.networks.compactMap { network in
          project.configHash(network: network.key, sha256: SHA256Text.hex).map { (network.key, $0) }
        }
      ) { first, _ in first },
      volumes: Dictionary(
        project.volumes.compactMap { volume in
          project.configHash(volume: volume.key, sha256: SHA256Text.hex).map { (volume.key, $0) }
        }
      ) { first, _ in first })
  }

  func planner(_ observation: ComposeObservation, images: [String: ServiceImage] = [:]) -> ComposePlanner {
    ComposePlanner(
      project: project, observation: observation, imageIDs: images.mapValues(\.id), sha256: SHA256Text.hex)
  }

  /// Runs what can fail by the project's fault.
  static func planned(_ work: () throws(ComposeFault) -> ComposePlan) throws(ClientError) -> ComposePlan {
    do { return try work() } catch { throw ClientError(error.description) }
  }
}
