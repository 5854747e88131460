import HTTPServing
import KubeMachinery
import Synchronization
import Testing

@testable import NodeAgent

@Suite struct ObjectFeedTests {
  /// A server whose answers are too long where they have more objects than so many.
  private final class LongAnswers: ClusterAccess {
    let objects = 7
    let taken: Int
    let sizes = Mutex<[Int]>([])

    init(taken: Int) { self.taken = taken }

    func send(_ request: ClusterRequest) async throws -> JSONValue {
      func value(_ name: String) -> Int {
        request.query.first { $0.name == name }.flatMap { Int($0.value) } ?? 0
      }
      let (size, start) = (value("limit"), value("continue"))
      sizes.withLock { $0.append(size) }
      guard min(size, objects - start) <= taken else { throw AnswerTooLong(limitBytes: 1) }
      let end = min(start + size, objects)
      let items = (start..<end).map { ["metadata": ["name": .string("o\($0)")]] as JSONValue }
      return [
        "metadata": ["resourceVersion": "9", "continue": .string(end < objects ? String(end) : "")],
        "items": .array(items),
      ]
    }

    func watch(_ request: ClusterRequest, _ seen: @escaping @Sendable (JSONValue) async throws -> Void) async throws {
      throw CancellationError()
    }
  }

  private static func found(_ server: LongAnswers) async -> (names: [String], failures: Int) {
    let names = Mutex<[String]>([])
    let failures = Mutex(0)
    // A failure ends the feed here, as a task that is cancelled does not sleep.
    let work = Task {
      await ObjectFeed(server, path: ["api", "v1", "services"]).run(
        { news in
          if case .all(let documents) = news { names.withLock { $0 = documents.map(\.meta.name) } }
        },
        failed: { _ in
          failures.withLock { $0 += 1 }
          withUnsafeCurrentTask { $0?.cancel() }
        })
    }
    await work.value
    return (names.withLock { $0 }, failures.withLock { $0 })
  }

  @Test("pages that are too long are asked for with fewer objects, down to one", arguments: [1, 2, 5, 7])
  func halves(_ taken: Int) async {
    let server = LongAnswers(taken: taken)
    let (names, failures) = await Self.found(server)
    #expect(names == (0..<7).map { "o\($0)" } && failures == 0)
    #expect(server.sizes.withLock { $0 }.first == ObjectFeed.pageSize)
  }

  @Test func oneObjectThatIsTooLongIsAFailure() async {
    let server = LongAnswers(taken: 0)
    let (names, failures) = await Self.found(server)
    #expect(names.isEmpty && failures == 1)
    #expect(server.sizes.withLock { $0 }.last == 1)
  }
}
