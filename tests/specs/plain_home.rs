//! A program without the dashboard.

use crate::support::StreamSync;

#[actix_web::test]
async fn without_the_dashboard_a_plain_page_says_how_to_get_it() {
    let node = StreamSync::plan().await.launch().await;
    let (status, page) = node.get("/").await;
    assert_eq!(status, 200);
    assert!(page.contains("make dashboard"), "{page}");
    assert_eq!(node.get("/explore").await.0, 404);
}
