import KubeMachinery

/// Volumes of pods.
extension ObjectSchema {
  static let volume: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Volume", "Data that containers of a pod can mount.",
    fields: [
      Field("name", .string(), "Name that mounts refer to.", isRequired: true),
      Field("hostPath", .object(.hostPathVolumeSource), "File or folder of the node."),
      Field("emptyDir", .object(.emptyDirVolumeSource), "Empty folder that lives as long as the pod."),
      Field("gcePersistentDisk", .object(.gcePersistentDiskVolumeSource), "Disk of Google Compute Engine."),
      Field("awsElasticBlockStore", .object(.awsElasticBlockStoreVolumeSource), "Disk of AWS."),
      Field("gitRepo", .object(.gitRepoVolumeSource), "Folder with a git repository; deprecated."),
      Field("secret", .object(.secretVolumeSource), "Secret as files."),
      Field("nfs", .object(.nfsVolumeSource), "Share of an NFS server."),
      Field("iscsi", .object(.iscsiVolumeSource), "Disk over iSCSI."),
      Field("glusterfs", .object(.glusterfsVolumeSource), "GlusterFS volume."),
      Field("persistentVolumeClaim", .object(.persistentVolumeClaimVolumeSource), "Claim in the same namespace."),
      Field("rbd", .object(.rbdVolumeSource), "Ceph block device."),
      Field("flexVolume", .object(.flexVolumeSource), "Volume of an external driver; deprecated."),
      Field("cinder", .object(.cinderVolumeSource), "Disk of OpenStack."),
      Field("cephfs", .object(.cephFSVolumeSource), "Ceph file system."),
      Field("flocker", .object(.flockerVolumeSource), "Flocker dataset."),
      Field("downwardAPI", .object(.downwardAPIVolumeSource), "Fields of the pod as files."),
      Field("fc", .object(.fcVolumeSource), "Disk over fibre channel."),
      Field("azureFile", .object(.azureFileVolumeSource), "File share of Azure."),
      Field("configMap", .object(.configMapVolumeSource), "ConfigMap as files."),
      Field("vsphereVolume", .object(.vsphereVirtualDiskVolumeSource), "Disk of vSphere."),
      Field("quobyte", .object(.quobyteVolumeSource), "Quobyte volume."),
      Field("azureDisk", .object(.azureDiskVolumeSource), "Disk of Azure."),
      Field("photonPersistentDisk", .object(.photonPersistentDiskVolumeSource), "Disk of Photon."),
      Field("projected", .object(.projectedVolumeSource), "Several sources in one folder."),
      Field("portworxVolume", .object(.portworxVolumeSource), "Portworx volume."),
      Field("scaleIO", .object(.scaleIOVolumeSource), "ScaleIO volume."),
      Field("storageos", .object(.storageOSVolumeSource), "StorageOS volume."),
      Field("csi", .object(.csiVolumeSource), "Volume of a CSI driver."),
      Field("ephemeral", .object(.ephemeralVolumeSource), "Claim that is made for the pod and goes with it."),
      Field("image", .object(.imageVolumeSource), "Content of an image or artifact."),
    ])

  static let hostPathVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.HostPathVolumeSource", "A file or folder of the node.",
    fields: [
      Field("path", .string(), "Path on the node.", isRequired: true),
      Field(
        "type",
        .string(allowed: [
          "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice",
        ]), "What has to be at the path.", default: ""),
    ])

  static let emptyDirVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EmptyDirVolumeSource", "An empty folder that lives as long as its pod.",
    fields: [
      Field("medium", .string(), "Memory for a tmpfs; empty for the disk."),
      Field("sizeLimit", .quantity, "Most that may be stored."),
    ])

  static let secretVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.SecretVolumeSource", "A secret as files.",
    fields: [
      Field("secretName", .string(), "Name of the secret."),
      Field("items", .list(.object(.keyToPath), .atomic), "Keys that become files; all where missing."),
      Field("defaultMode", .integer(bits: 32), "Mode of files that do not say another.", default: 420),
      Field("optional", .boolean, "Whether it may be missing."),
    ])

  static let configMapVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ConfigMapVolumeSource", "A ConfigMap as files.",
    fields: [
      Field("name", .string(), "Name of the ConfigMap."),
      Field("items", .list(.object(.keyToPath), .atomic), "Keys that become files; all where missing."),
      Field("defaultMode", .integer(bits: 32), "Mode of files that do not say another.", default: 420),
      Field("optional", .boolean, "Whether it may be missing."),
    ])

  static let keyToPath: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.KeyToPath", "A key and the file that it becomes.",
    fields: [
      Field("key", .string(), "Key within the data.", isRequired: true),
      Field("path", .string(), "File below the volume.", isRequired: true),
      Field("mode", .integer(bits: 32), "Mode of the file."),
    ])

  static let downwardAPIVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.DownwardAPIVolumeSource", "Fields of the pod as files.",
    fields: [
      Field("items", .list(.object(.downwardAPIVolumeFile), .atomic), "Files and what is in them."),
      Field("defaultMode", .integer(bits: 32), "Mode of files that do not say another.", default: 420),
    ])

  static let downwardAPIVolumeFile: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.DownwardAPIVolumeFile", "A file with a field of the pod.",
    fields: [
      Field("path", .string(), "File below the volume.", isRequired: true),
      Field("fieldRef", .object(.objectFieldSelector), "Field of the pod."),
      Field("resourceFieldRef", .object(.resourceFieldSelector), "Resource of a container."),
      Field("mode", .integer(bits: 32), "Mode of the file."),
    ])

  static let projectedVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ProjectedVolumeSource", "Several sources in one folder.",
    fields: [
      Field(
        "sources", .list(.object(.volumeProjection), .atomic), "What is put into the folder.", isRequired: true,
        allowsEmpty: true),
      Field("defaultMode", .integer(bits: 32), "Mode of files that do not say another.", default: 420),
    ])

  static let volumeProjection: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.VolumeProjection", "One source of a projected volume.",
    fields: [
      Field("secret", .object(.secretProjection), "Keys of a secret."),
      Field("downwardAPI", .object(.downwardAPIProjection), "Fields of the pod."),
      Field("configMap", .object(.configMapProjection), "Keys of a ConfigMap."),
      Field("serviceAccountToken", .object(.serviceAccountTokenProjection), "Token of the pod's service account."),
      Field("clusterTrustBundle", .object(.clusterTrustBundleProjection), "Certificates that the cluster trusts."),
    ])

  static let secretProjection: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.SecretProjection", "Keys of a secret.",
    fields: [
      Field("name", .string(), "Name of the secret."),
      Field("items", .list(.object(.keyToPath), .atomic), "Keys that become files; all where missing."),
      Field("optional", .boolean, "Whether it may be missing."),
    ])

  static let downwardAPIProjection: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.DownwardAPIProjection", "Fields of the pod.",
    fields: [
      Field("items", .list(.object(.downwardAPIVolumeFile), .atomic), "Files and what is in them.")
    ])

  static let configMapProjection: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ConfigMapProjection", "Keys of a ConfigMap.",
    fields: [
      Field("name", .string(), "Name of the ConfigMap."),
      Field("items", .list(.object(.keyToPath), .atomic), "Keys that become files; all where missing."),
      Field("optional", .boolean, "Whether it may be missing."),
    ])

  static let serviceAccountTokenProjection: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ServiceAccountTokenProjection", "A token that is renewed while the pod runs.",
    fields: [
      Field("audience", .string(), "Who the token is for."),
      Field("expirationSeconds", .integer(bits: 64), "How long the token is valid.", default: 3600),
      Field("path", .string(), "File below the volume.", isRequired: true),
    ])

  static let clusterTrustBundleProjection: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ClusterTrustBundleProjection", "Certificates that the cluster trusts.",
    fields: [
      Field("name", .string(), "One bundle by its name."),
      Field("signerName", .string(), "All bundles of a signer."),
      Field("labelSelector", .object(.labelSelector), "Selects by labels."),
      Field("optional", .boolean, "Whether it may be missing."),
      Field("path", .string(), "File below the volume.", isRequired: true),
    ])

  static let imageVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ImageVolumeSource", "Content of an image or artifact.",
    fields: [
      Field("reference", .string(), "Name of the image."),
      Field("pullPolicy", .string(allowed: ["Always", "Never", "IfNotPresent"]), "When the image is pulled."),
    ])

  static let csiVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.CSIVolumeSource", "A volume of a CSI driver that lives with its pod.",
    fields: [
      Field("driver", .string(), "Name of the driver.", isRequired: true),
      Field("readOnly", .boolean, "Whether writing is refused."),
      Field("fsType", .string(), "File system to mount."),
      Field("volumeAttributes", .map(.string()), "Settings for the driver."),
      Field("nodePublishSecretRef", .object(.localObjectReference), "Secret that the driver needs on the node."),
    ])
}
