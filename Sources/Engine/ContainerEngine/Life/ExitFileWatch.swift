import LinuxSystem
import Logging
import Model

/// Tells the end of containers' runs by the files that conmon leaves in the folder of exits.
///
/// conmon writes one when the container has ended and its output has been passed on. It ends itself only when its mount
/// namespace is gone, with all that the container wrote flushed to disk, which nobody needs to wait for.
final class ExitFileWatch: Sendable {
  private let directory: String
  private let inotify: Result<Inotify, any Error>
  private let poller: Poller
  private let expected = Locked<[ContainerID: OneShot<Void>]>([:])

  /// Where the host has no watch left to give (fs.inotify.max_user_instances), the ends of conmon have to do.
  init(directory: String, poller: Poller) {
    self.directory = directory
    self.poller = poller
    inotify = Result {
      let inotify = try Inotify()
      _ = try inotify.add(directory, [.movedTo, .onlyDirectory])
      return inotify
    }
  }

  /// What is resolved when the present run of a container has ended.
  func end(of container: ContainerID) -> OneShot<Void> {
    let end = OneShot<Void>()
    expected.withLock { $0[container] = end }
    tellIfEnded(container)
    return end
  }

  /// The run has ended without a file, because conmon itself was killed.
  func tellEnd(of container: ContainerID) {
    expected.withLock { $0.removeValue(forKey: container) }?.resolve(())
  }

  /// Looks for files until the poller is shut down.
  func run(logger: Logger) async {
    while true {
      do {
        let inotify = try inotify.get()
        try await poller.waitReadable(inotify.descriptor.raw)
        let events = try inotify.read()
        if events.contains(where: { $0.kinds.contains(.overflow) }) {
          for container in expected.withLock({ Array($0.keys) }) { tellIfEnded(container) }
        }
        for name in events.compactMap(\.name) {
          if let container = try? ContainerID(name) { tellIfEnded(container) }
        }
      } catch is CancellationError {
        return
      } catch {
        // Without files the end of conmon still tells the end of the run.
        return logger.warning("ends of containers are seen late, when conmon ends: \(error)")
      }
    }
  }

  /// An event may belong to an earlier run, whose file is gone by now.
  private func tellIfEnded(_ container: ContainerID) {
    if FileSystem.exists("\(directory)/\(container.hex)") { tellEnd(of: container) }
  }
}
