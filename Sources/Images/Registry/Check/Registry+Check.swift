import ContentStore
import FoundationEssentials
import Glibc
import LinuxSystem
import Logging
import Model
import OCITypes
import Persistence

extension Registry {
  /// Compares files and records. `repairs` sets right what can be: records are made again from the files, what is damaged
  /// goes to `quarantine`, so that the next push brings it again. Changes wait while records and files are compared, not
  /// while content is read.
  /// - Parameter readsContent: also reads every blob and compares it with its digest.
  public func check(repairs: Bool = false, readsContent: Bool = false) throws -> RegistryCheck {
    try exclusively {
      try checkpoint()
      let changed = readsContent ? try changedContent() : []
      return try still { turn in
        var check = RegistryCheck()
        let damaged = try checkBlobs(&check, changed: changed, repairs: repairs)
        try checkUploads(&check, repairs: repairs)
        let expected = try RegistryRebuild(self, damaged: damaged, &check)
        try compare(expected, &check, repairs: repairs, &turn)
        return check
      }
    }
  }

  /// The blobs whose bytes do not have their digest any more. No collection runs meanwhile, so none of them goes.
  private func changedContent() throws -> Set<Digest> {
    Set(try content.list().map(\.digest).filter { try !content.verify($0) })
  }

  /// Looks at every file of the store; returns the blobs that are not as they should be.
  private func checkBlobs(
    _ check: inout RegistryCheck, changed: Set<Digest>, repairs: Bool
  ) throws -> Set<Digest> {
    var damaged: Set<Digest> = []
    let stored = Dictionary(uniqueKeysWithValues: try content.list().map { ($0.digest, $0.sizeBytes) })
    check.blobs = stored.count
    for document in try read({ try $0.records.all(in: Table.blobs) }) {
      let digest = try Table.digest(document.id)
      let record = try RegistryTransaction.decode(BlobRecord.self, document.document, Table.blobs)
      guard let size = stored[digest] else {
        damaged.insert(digest)
        check.add(.blobMissing, digest.description, "its file is missing", isRepaired: repairs)
        continue
      }
      if size == record.sizeBytes { continue }
      damaged.insert(digest)
      check.add(
        .blobDamaged, digest.description, "its file has \(size) bytes instead of \(record.sizeBytes)",
        isRepaired: repairs)
    }
    for digest in changed.sorted() where damaged.insert(digest).inserted {
      check.add(.blobDamaged, digest.description, "its bytes have changed", isRepaired: repairs)
    }
    if repairs {
      for digest in damaged { _ = try content.moveAway(digest, to: "\(files.root)/quarantine/\(digest.hex)") }
    }
    return damaged
  }

  private func checkUploads(_ check: inout RegistryCheck, repairs: Bool) throws {
    // Names first: an upload is known before it has a file.
    let names = try FileSystem.list(files.root + "/uploads").filter { !$0.hasSuffix(".json") }
    let known = uploads.ids
    for name in names where !known.contains(name) && FileSystem.exists(files.upload(name)) {
      check.add(.uploadLeftOver, name, "no upload knows this file", isRepaired: repairs)
      if repairs { try files.removeUpload(name) }
    }
  }

  /// Compares the records with those that the files lead to; repair puts these in their place.
  private func compare(
    _ expected: RegistryRebuild, _ check: inout RegistryCheck, repairs: Bool, _ turn: inout Turn
  ) throws {
    var differences = 0
    for (table, records) in expected.tables.sorted(by: { $0.key < $1.key }) {
      var actual: [String: Data] = [:]
      for document in try read({ try $0.records.all(in: table) }) { actual[document.id] = document.document }
      for (id, record) in records.sorted(by: { $0.key < $1.key }) where actual[id] != record {
        let kind: RegistryCheck.Kind = table == Table.blobs ? .blobUnrecorded : .recordsDiffer
        check.add(
          kind, Table.subject(table, id),
          actual[id] == nil ? "the record is missing" : "the record and the files say different things",
          isRepaired: repairs)
        differences += 1
      }
      for id in actual.keys.sorted() where records[id] == nil {
        check.add(
          .recordsDiffer, Table.subject(table, id), "there is a record, and nothing on disk for it", isRepaired: repairs
        )
        differences += 1
      }
    }
    guard repairs, differences > 0 else { return }
    try commit(in: &turn) { transaction in
      for (table, records) in expected.tables {
        try transaction.records.delete(in: table, from: "", below: "\u{10FFFF}")
        for (id, record) in records { try transaction.records.put(id, document: record, in: table) }
      }
    }
    for name in expected.repositories { changed(name) }
    logger.notice("the registry's records were made again from its files", metadata: ["differences": "\(differences)"])
  }
}
