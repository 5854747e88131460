import Glibc
import LinuxSystem

/// What the parts of the platform are asked for `bulkhead status`: all at once, each with the same time to answer.
enum StatusQuestion: String, CaseIterable, Sendable {
  case engine, disk, host, server, cluster, agent

  enum Answer: Equatable, Sendable {
    case told(JSONValue)
    case failed(ClientError)
    /// This user may not ask. Whether somebody listens there.
    case forbidden(isListening: Bool)
    /// Nothing came in time.
    case late
  }

  static let limitSeconds: Int64 = 2

  /// Where the three roles listen.
  struct Places: Sendable {
    let engine: EngineAddress
    let server: EngineAddress
    let agent: EngineAddress
  }

  /// Blocks until all have answered or the time is over, whichever is first.
  static func ask(_ questions: [StatusQuestion], _ places: Places) throws(ClientError) -> [StatusQuestion: Answer] {
    let deadline = Deadline(nanosecondsFromNow: limitSeconds * 1_000_000_000)
    let answers = Monitor<[StatusQuestion: Answer]>([:])
    for question in questions {
      // Who does not answer in time is not waited for: the program ends.
      _ = try Threads.start {
        let answer = question.answer(places, deadline)
        answers.with { $0[question] = answer }
      }
    }
    _ = answers.wait(until: deadline) { $0.count == questions.count ? true : nil }
    let all = answers.with { $0 }
    return Dictionary(uniqueKeysWithValues: questions.map { ($0, all[$0] ?? .late) })
  }

  private func answer(_ places: Places, _ deadline: Deadline) -> Answer {
    let address: EngineAddress? =
      switch self {
      case .engine, .disk: places.engine
      case .server, .cluster: places.server
      case .agent: places.agent
      case .host: nil
      }
    if let address, Self.isForbidden(address.path) {
      return .forbidden(isListening: Self.isListening(address.path))
    }
    do throws(ClientError) {
      switch self {
      case .engine: return .told(try Engine(address: places.engine).call(.get, "/info"))
      case .disk: return .told(try Engine(address: places.engine).call(.get, "/system/df"))
      case .host: return .told(try Doctor.report(until: deadline))
      case .server: return .told(try Server(transport: Engine(address: places.server)).call(.get, "/status"))
      case .cluster:
        return .told(try Server(transport: Engine(address: places.server)).call(.get, "/status/cluster"))
      case .agent: return .told(try Engine(address: places.agent).call(.get, "/status"))
      }
    } catch {
      return .failed(error)
    }
  }

  /// Whether the rights of this user, and nothing else, are in the way.
  private static func isForbidden(_ path: String) -> Bool { access(path, W_OK) != 0 && errno == EACCES }

  private static let maximumListBytes = 8 << 20

  /// Whether a socket of this path takes connections. Source: proc(5), `/proc/net/unix`; the flag is the kernel's `__SO_ACCEPTCON`.
  private static func isListening(_ path: String) -> Bool {
    guard let list = try? FileSystem.read("/proc/net/unix", maxBytes: maximumListBytes) else { return false }
    return list.split(separator: UInt8(ascii: "\n")).contains { line in
      let words = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 7)
      return words.count == 8 && words[3] == "00010000" && words[7] == path
    }
  }
}
