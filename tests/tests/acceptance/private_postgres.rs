//! Without a configured database: a private PostgreSQL, or an error that says how to install one.

use daybook_tests::process::Installation;

#[tokio::test(flavor = "multi_thread")]
async fn without_postgresql_the_error_names_the_settings() {
    let clinic = Installation::private().await.unwrap();
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().to_str().unwrap();
    let hidden = [("PATH", folder), ("DAYBOOK_POSTGRES_BIN", folder)];
    for command in [&["serve"][..], &["import", "run", "--csv", "/dev/null", "--yes"]] {
        let output = clinic.run_with(command, &hidden).await.unwrap();
        assert_eq!(output.code, Some(1), "{output:?}");
        assert_eq!(output.stdout, "", "data only");
        for word in ["DAYBOOK_POSTGRES_BIN", folder, "initdb", "point it at the folder"] {
            assert!(output.stderr.contains(word), "`{word}` is missing in: {}", output.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_command_without_a_data_dir_creates_nothing_and_says_how_to_start() {
    let clinic = Installation::private().await.unwrap();
    for command in [&["status", "--json"][..], &["projection", "verify"], &["reads", "show"]] {
        let output = clinic.run(command).await.unwrap();
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(
            output.stderr.contains("daybook serve") && output.stderr.contains("DATABASE_URL"),
            "{output:?}"
        );
    }
    assert!(!clinic.data_dir().exists());
}
